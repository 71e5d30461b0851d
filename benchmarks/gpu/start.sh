# Source it in the root of a copy of the source that `python -m benchmarks.gpu.pack` was run in.
# It unpacks what travelled, once, and sets the paths. What fails stops a chain of &&.
# Never pipe it into anything: its paths would stay in the pipe's shell.

gpu_start() {
  local here=.gpu parts="${GPU_PARTS:-/tmp/parts}" site="${GPU_SITE:-/tmp/site}"
  local want got count nvidia folder
  mkdir -p "$parts" || return 1
  read -r want count < "$here/site.sha256" || return 1
  if [ "$(cat "$site/.whole" 2>/dev/null)" != "$want" ]; then
    cp "$here"/site.tar.xz.* "$parts"/ || return 1
    got=$(cat "$parts"/site.tar.xz.* | sha256sum | cut -d' ' -f1)
    if [ "$got" != "$want" ]; then
      echo "start: not the $count parts that belong together: carry them all, the last call last"
      return 1
    fi
    rm -rf "$site" && mkdir -p "$site" || return 1
    cat "$parts"/site.tar.xz.* | python3 -c "import sys, tarfile
archive = tarfile.open(fileobj=sys.stdin.buffer, mode='r|xz')
archive.extractall(sys.argv[1], filter='data')" "$site" || return 1
    echo "$want" > "$site/.whole"
  fi
  # CUDA's libraries are packages of pip there. onnxruntime looks for them beside itself, so a link
  # makes them its neighbours; the dynamic loader finds them by its path, whoever asks.
  nvidia=$(python3 -c "import nvidia; print(next(iter(nvidia.__path__)))" 2>/dev/null)
  if [ -n "$nvidia" ] && [ ! -e "$site/nvidia" ]; then ln -s "$nvidia" "$site/nvidia"; fi
  for folder in "$nvidia"/cu13/lib "$nvidia"/*/lib; do
    if [ -d "$folder" ]; then
      export LD_LIBRARY_PATH="$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    fi
  done
  export PYTHONPATH="$site:$PWD/src:$PWD${PYTHONPATH:+:$PYTHONPATH}"
  export PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 CUDA_MODULE_LOADING=LAZY
  export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
  export XDG_CACHE_HOME="${XDG_CACHE_HOME:-/tmp/cache}" MPLCONFIGDIR=/tmp/cache/mpl
}
gpu_start
