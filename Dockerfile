# The page, the API and the metrics as one container:
#   docker build -t redaction . && docker run --rm -p 7860:7860 redaction      or, with limits and a volume: docker compose up
FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /venv
# What is needed first, so that a change in a module does not install everything anew
COPY pyproject.toml setup.py constraints.txt README.md ./
RUN mkdir redaction && echo '__version__ = "0"' > redaction/__init__.py \
 && /venv/bin/pip install -c constraints.txt '.[app]' && /venv/bin/pip uninstall -y redaction && rm -rf redaction build
COPY redaction redaction
RUN /venv/bin/pip install --no-deps .

FROM python:3.11-slim
RUN useradd --create-home --uid 1000 app && mkdir -p /home/app/.cache/huggingface && chown -R app:app /home/app
COPY --from=build /venv /venv
WORKDIR /app
COPY app.py settings.ini ./
COPY samples samples
ENV PATH=/venv/bin:$PATH HOME=/home/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 \
    GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 GRADIO_ANALYTICS_ENABLED=False HF_HUB_DISABLE_TELEMETRY=1
USER app
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
CMD ["python", "app.py"]
