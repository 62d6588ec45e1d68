"""The lab's remote control on loopback: publish proofs, take them away, list them."""

import json
from http import HTTPStatus

from pydantic import ValidationError

from lab.httpd import LabHttpd, Page, Request
from lab.proofs import ProofBoard, Proofs, require_complete

# Anything else would be another site's page in a browser on this machine, by DNS rebinding.
_OUR_HOSTS = frozenset({"127.0.0.1", "localhost"})


class Control:
    """GET, POST and DELETE /proofs with `{"challenges": [...]}`; answers with everything that is published then."""

    def __init__(self, board: ProofBoard) -> None:
        self._board = board

    async def answer(self, request: Request) -> Page:
        """Answer one request; a fault is `{"detail": sentence}` and changes nothing."""
        if request.host not in _OUR_HOSTS:
            return _fault(HTTPStatus.MISDIRECTED_REQUEST, "The lab answers to 127.0.0.1 and localhost only.")
        if request.path == "/healthz":
            return _json(HTTPStatus.OK, '{"status":"ok"}')
        if request.path != "/proofs":
            return _fault(HTTPStatus.NOT_FOUND, "The lab has /proofs and /healthz.")
        if request.method not in {"GET", "POST", "DELETE"}:
            return _fault(HTTPStatus.METHOD_NOT_ALLOWED, "GET, POST or DELETE.")
        if request.method == "GET":
            return self._listed()
        return self._change(request)

    def _change(self, request: Request) -> Page:
        # A form of another site can post plain text without asking, JSON it cannot.
        if request.content_type != "application/json":
            return _fault(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send application/json.")
        try:
            challenges = Proofs.model_validate_json(request.body).challenges
            for challenge in challenges:
                require_complete(challenge)
            for challenge in challenges:
                if request.method == "POST":
                    self._board.publish(challenge)
                else:
                    self._board.retract(challenge)
        except ValidationError as error:
            return _fault(HTTPStatus.UNPROCESSABLE_ENTITY, f"Not a list of challenges: {error.errors()[0]['msg']}.")
        except ValueError as error:
            return _fault(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        return self._listed()

    def _listed(self) -> Page:
        return _json(HTTPStatus.OK, Proofs(challenges=self._board.published).model_dump_json())


def lab_control(board: ProofBoard) -> LabHttpd:
    """Return the control server, not yet started; it listens on loopback whatever happens."""
    return LabHttpd(Control(board).answer)


def _json(status: HTTPStatus, text: str) -> Page:
    return Page(status=status, body=text.encode(), headers=(("Content-Type", "application/json"),))


def _fault(status: HTTPStatus, detail: str) -> Page:
    return _json(status, json.dumps({"detail": detail}))
