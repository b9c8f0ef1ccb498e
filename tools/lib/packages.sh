# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What building, running and testing need on Debian, and how it gets there.

# shellcheck disable=SC2034 # used by those who source this file
BUILD_PACKAGES=(gcc libc6-dev meson ninja-build pkg-config
	libsystemd-dev libsqlite3-dev libjson-c-dev libinih-dev libyaml-dev libsubid-dev)
# shellcheck disable=SC2034
TEST_PACKAGES=(clang clang-format jq libcmocka-dev scdoc shellcheck strace systemd systemd-container
	busybox-static containerd crun podman runc uidmap varlink-go)
# In the root filesystem of tools/runtimes: what is tested, and what our own programs are linked with.
# shellcheck disable=SC2034
RUNTIMES_PACKAGES=(binutils busybox-static containerd crun podman python3 python3-varlink runc strace
	systemd-container uidmap varlink-go libinih1 libjson-c5 libsqlite3-0 libsystemd0 libyaml-0-2)
# shellcheck disable=SC2034
FUZZ_PACKAGES=(clang libclang-rt-14-dev libcmocka-dev)
# shellcheck disable=SC2034
CHECK_PACKAGES=(clang-tidy clang-tools gcovr valgrind)

# Prints those of the packages that are not installed.
missing_packages() {
	local package

	for package; do
		case $(dpkg-query --show --showformat='${db:Status-Abbrev}' "$package" 2>/dev/null) in
		?i*) ;;
		*) echo "$package" ;;
		esac
	done
}

# Installs what is missing of the packages, or says what is missing and leaves the script.
need_packages() {
	local missing log

	mapfile -t missing < <(missing_packages "$@")
	[[ ${#missing[@]} -eq 0 ]] && return
	if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
		echo "${0##*/}: packages are missing; as root: apt-get install ${missing[*]}" >&2
		exit 1
	fi
	echo "Installing ${missing[*]}"
	log=$(mktemp)
	if ! apt_install "${missing[@]}" >"$log" 2>&1; then
		cat "$log" >&2
		rm -f "$log"
		echo "${0##*/}: apt-get could not install ${missing[*]}" >&2
		exit 1
	fi
	rm -f "$log"
}

apt_install() {
	export DEBIAN_FRONTEND=noninteractive
	local options=(-q -y --no-install-recommends -o DPkg::Lock::Timeout=120)

	apt-get "${options[@]}" update && apt-get "${options[@]}" install "$@"
}
