# The programs of docs/examples/polyglot, a target for each language. Built from the top of the repository.
FROM debian:12.11-slim AS base
RUN useradd --system --uid 10001 --home-dir /srv/example --create-home example
WORKDIR /srv/example

FROM base AS php
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends php-cli php-gearman \
    && rm -rf /var/lib/apt/lists/*
COPY docs/examples/polyglot/client.php docs/examples/polyglot/worker.php ./
USER 10001
CMD ["php", "worker.php"]

FROM base AS ruby
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ruby \
    && rm -rf /var/lib/apt/lists/* \
    && gem install --no-document --version "~> 4.0" gearman-ruby
COPY docs/examples/polyglot/worker.rb ./
USER 10001
CMD ["ruby", "worker.rb"]

FROM base AS node
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends nodejs npm \
    && rm -rf /var/lib/apt/lists/*
COPY docs/examples/polyglot/package.json ./
RUN npm install --omit=dev --ignore-scripts --no-audit --no-fund
COPY docs/examples/polyglot/status.js ./
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s \
    CMD ["node", "-e", "fetch('http://127.0.0.1:8000/').then((page) => process.exit(page.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "status.js"]
