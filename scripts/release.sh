#!/bin/sh
# Usage: scripts/release.sh BIN [RUNTIME...]   (make release)
# Writes a release into dist/: the Lambda packages for both architectures and each runtime, the
# wheel, a bill of materials for each lock, the changelog's section, and SHA256SUMS of all of it.
# Without a RUNTIME (such as 3.13): each one that Lambda offers and this machine has.
set -eu
bin=$1
shift
PATH="$bin:$PATH"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
offered=$(sed -n 's/.*AllowedValues: \[python\(.*\)\]/\1/p' infra/sam/template.yaml | sed 's/, python/ /g')

has() { "python$1" -I -c "" >/dev/null 2>&1; }

refuse() {
    echo "release: $1" >&2
    exit 2
}

for runtime in "$@"; do
    case " $offered " in
    *" $runtime "*) ;;
    *) refuse "no Lambda runtime python$runtime; known: $offered" ;;
    esac
    has "$runtime" || refuse "no working python$runtime on the PATH, which compiles the packages: install it, or leave it out of RUNTIMES"
done
if [ $# -eq 0 ]; then
    for runtime in $offered; do
        if has "$runtime"; then
            set -- "$@" "$runtime"
        else
            echo "release: left out python$runtime, as there is none on the PATH" >&2
        fi
    done
    [ $# -gt 0 ] || refuse "none of the Pythons that Lambda offers is on the PATH ($offered): install one"
fi
notes=$(sed -n "/^## $version\$/,/^## /p" CHANGELOG.md | sed '1d;/^## /d')
[ -n "$notes" ] || refuse "CHANGELOG.md has no section \"## $version\": write it, or correct the version in pyproject.toml"

! grep -q "^## Unreleased" CHANGELOG.md ||
    echo "release: what CHANGELOG.md has under Unreleased is in no release notes yet" >&2

mkdir -p dist
rm -f dist/*-"$version"-* dist/*-"$version".* dist/SHA256SUMS
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for runtime in "$@"; do
    for arch in arm64 x86_64; do
        "$bin/fanout" package --arch "$arch" --python-version "$runtime" --output "$scratch" >/dev/null
        for zip in "$scratch"/*.zip; do
            mv "$zip" "dist/$(basename "$zip" "-$arch.zip")-$version-python$runtime-$arch.zip"
        done
    done
done
"$bin/python" -m hatchling build --target wheel --directory dist >/dev/null
venv=$(sh scripts/tool_venv.sh "$bin" audit)
for lock in requirements/*.in requirements/local.txt; do
    name=$(basename "${lock%.*}")
    PYTHONWARNINGS=ignore "$venv/bin/cyclonedx-py" requirements "requirements/$name.txt" --pyproject pyproject.toml --output-reproducible --output-file "dist/$name-$version.cdx.json"
done
printf '%s\n' "$notes" >"dist/CHANGELOG-$version.md"
cd dist
sums=$(command -v sha256sum || echo "shasum -a 256")
$sums -- *-"$version"-* *-"$version".* >SHA256SUMS
cat SHA256SUMS
