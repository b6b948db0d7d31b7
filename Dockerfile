# The app for a class. Build:  docker build --build-arg TORCH_INDEX=<index of PyTorch's CPU builds> -t dnis .
# Run:   docker run --init --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
#            --memory 4g --pids-limit 256 -p 8501:8501 -v dnis-runs:/runs dnis
FROM python:3.11-slim

# Without the index pip takes the usual build, which works as well but brings gigabytes of CUDA libraries.
ARG TORCH_INDEX=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin dnis && mkdir /runs && chown dnis /runs
WORKDIR /app
COPY requirements.txt .
RUN python -m pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep '^torch==' requirements.txt)" \
    && python -m pip install -r requirements.txt
COPY app.py ./
COPY .streamlit .streamlit
COPY pages pages
COPY dnis dnis
COPY sample_data sample_data

# Owned by root and not writable by the one who runs it; only /runs (and /tmp) are.
USER dnis
# The second line keeps a server small that starts a thread for every click; the Makefile says how.
ENV DNIS_RUNS=/runs HOME=/tmp DNIS_JOB_MB=3000 \
    MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=131072 ARROW_DEFAULT_MEMORY_POOL=system OPENBLAS_NUM_THREADS=1
VOLUME /runs
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-c", \
    "import urllib.request as r; exit(r.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4).read() != b'ok')"]
CMD ["sh", "-c", "exec python -m streamlit run app.py --server.address 0.0.0.0 --server.port 8501 --server.headless true \
    --browser.serverAddress localhost --server.fileWatcherType none --server.maxUploadSize ${DNIS_MAX_UPLOAD_MB:-25} --client.showErrorDetails none"]
