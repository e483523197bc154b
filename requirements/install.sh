#!/usr/bin/env bash
# Makes the virtual environment $1 with the interpreter $2, as the file $3 says, every hash checked; the
# other arguments are further files that it must be newer than. Two at once take turns, and what an interrupted
# one left behind is made anew.
set -euo pipefail
venv=$1 python=$2 wanted=$3 here=$(dirname "$0") stamp=$1/.installed
shift 2

made() {
    local file
    for file in "$@"; do [ "$stamp" -nt "$file" ] || return 1; done
}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Python 3.11 or newer is needed; where it has another name: make PYTHON=python3.11 ..." >&2
    exit 1
fi
exec 9<"$here"
! command -v flock >/dev/null || flock 9
made "$@" && exit 0 # another did it meanwhile

echo "Setting up $venv (about a minute the first time)" >&2
if ! [ -e "$stamp" ] || ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
    "$python" -m venv --clear "$venv"
fi
rm -f "$stamp"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$here/installer.txt"
uv=("$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps)
"${uv[@]}" --compile-bytecode --require-hashes -r "$wanted"
! grep -q '^paddlex==' "$wanted" || "${uv[@]}" --no-build-isolation "$here/shims/opencv-contrib-python"
# `plateward` as a command, in the environment of development. Not an editable installation: that would put the
# checkout on the path of every tree which this environment runs, such as a mutant's.
! grep -q '^hatchling==' "$wanted" || install -m 755 "$here/plateward" "$venv/bin/plateward"
touch "$stamp"
