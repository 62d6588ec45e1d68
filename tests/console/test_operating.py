"""Rules that hold for the overview and for every page of operators."""

import re

from api.console.page import PAGES_OF
from certloom.domain.role import Role
from tests.api.world import OURS, World
from tests.console.conftest import Meet
from tests.console.operating import authorities, failed, parked, waiting

PAGES = ("/overview", "/reviews", "/accounts", f"/accounts/{OURS}", "/issuers", "/accounts/none", "/account")


async def test_pages_load_nothing_but_our_own_files(meet: Meet, world: World) -> None:
    """No page has a style or a script of its own; plots are drawn with attributes and classes alone."""
    await failed(world)
    await parked(world)
    await waiting(world)
    authorities(world)
    visitor = await meet("operator")
    for path in PAGES:
        page = await visitor.get(path)
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "unsafe" not in page.headers["content-security-policy"]
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|javascript:", page.text), path
        assert not re.search(r'(?:src|action)="(?:https?:)?//', page.text), path


async def test_the_navigation_leads_where_the_role_may_go(meet: Meet) -> None:
    """Every link opens a page, the page that is open is marked, and no other."""
    for who, role in (("operator", Role.OPERATOR), ("member", Role.MEMBER), ("viewer", Role.VIEWER)):
        visitor = await meet(who)
        for path, name in PAGES_OF[role]:
            page = await visitor.get(path)
            assert page.status_code == 200, (who, path)
            assert re.findall(r'aria-current="page">([^<]+)<', page.text) == [name]


async def test_a_wanted_page_comes_after_signing_in(meet: Meet, world: World) -> None:
    """Who followed a link to an operators' page is led there."""
    visitor = await meet(None)
    for path in ("/overview", "/reviews", f"/accounts/{OURS}", "/issuers"):
        answer = await visitor.get(path)
        assert answer.status_code == 401
        page = await visitor.send("/session", key=world.tokens["operator"])
        assert page.url.path == path
        await visitor.send("/session/end")
