#!/usr/bin/env bash
# Builds an image from the commit that is checked out, and from nothing else: what is not committed is not in it. The
# same commit, base and packages give the same files and the same labels, whenever and wherever it is built.
#
#   deploy/k8s/build.sh orchestrator --tag NAME [--base IMAGE] [--pip-conf FILE] [-- OPTION...]
#   deploy/k8s/build.sh step --base IMAGE --tag NAME [--pip-conf FILE] [-- OPTION...]
#
# --base      orchestrator: Python 3.11 or newer on Debian; step: CANN's toolkit and Python 3.11 or newer. Name a digest.
# --pip-conf  pip's settings of this site (index, certificate). A secret of the build: it is in no layer.
# OPTION      goes to the builder as it is. BUILDER names it: buildah (the default) or podman.
set -euo pipefail

fail() {
    echo "build.sh: $*" >&2
    exit 2
}

kind="${1:-}"
case "$kind" in
    orchestrator) argument=BASE ;;
    step) argument=CANN_BASE ;;
    *) fail "say which image: orchestrator or step" ;;
esac
shift
tag="" base="" options=()
while [ $# -gt 0 ]; do
    [ "$1" = -- ] && { shift; options+=("$@"); break; }
    [ $# -ge 2 ] || fail "$1 wants a value"
    case "$1" in
        --tag) tag="$2" ;;
        --base) base="$2" ;;
        --pip-conf) options+=(--secret "id=pip,src=$(realpath -- "$2")") ;;
        *) fail "unknown option $1" ;;
    esac
    shift 2
done
[ -n "$tag" ] || fail "--tag is missing: the image's name, registry.example/ascend/$kind:1.0.0"
case "$tag" in *:latest) fail "--tag says latest: name the version, so that tomorrow it is the same image" ;; esac
[ "$kind" = orchestrator ] || [ -n "$base" ] || fail "--base is missing: an image with CANN's toolkit, its digest named"
[ -z "$base" ] || options+=(--build-arg "$argument=$base")
builder="${BUILDER:-buildah}"
command -v "$builder" >/dev/null || fail "$builder is not on PATH: install it, or name another in BUILDER"

root="$(git -C "$(dirname "$0")" rev-parse --show-toplevel)"
revision="$(git -C "$root" rev-parse HEAD)"
seconds="$(git -C "$root" show --no-patch --format=%ct HEAD)"
version="$(git -C "$root" show HEAD:pyproject.toml | sed -n 's/^version = "\(.*\)"$/\1/p')"
context="$(mktemp -d)"
trap 'rm -rf -- "$context"' EXIT
git -C "$root" archive HEAD | tar -x -C "$context"
"$builder" build \
    --file "$context/deploy/k8s/Dockerfile.$kind" \
    --tag "$tag" \
    --timestamp "$seconds" \
    --build-arg "SOURCE_DATE_EPOCH=$seconds" \
    --build-arg "REVISION=$revision" \
    --build-arg "VERSION=$version" \
    --build-arg "CREATED=$(date --utc --date "@$seconds" +%Y-%m-%dT%H:%M:%SZ)" \
    "${options[@]}" \
    "$context"
