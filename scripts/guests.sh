#!/usr/bin/env bash
# Builds guests/build/: two stock Debian i386 kernels, an initramfs around busybox, the workload's expected output, SeaBIOS, and what
# scripts/run-proofs.mjs boots: memtest86+, the installer, boot loaders, iPXE and a small Debian root file system.
# Uses only `apt-get download` and `dpkg-deb -x`, with an apt state of its own: nothing is installed on the host and
# no root is needed. The mirror is the host's; only its entries for the host's Debian release are used.
#   scripts/guests.sh            build what is missing or older than its sources
#   scripts/guests.sh --clean    build everything again
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$here/guests/build
work=$build/.work
flavours=(686 686-pae)
# The kernel whose modules go into the guest that tests drives, and what it needs of them.
disk_flavour=686
disk_modules=(crc32c_generic crct10dif_generic ext4 ata_piix sd_mod sr_mod isofs)
# The root file system: Debian's shell and tools on its C library, with System V init.
root_packages=(base-files base-passwd bash coreutils dash debianutils diffutils findutils grep gzip libacl1 libattr1 libblkid1 libbz2-1.0
  libc6 libcrypt1 libgcc-s1 libgmp10 libmount1 libpcre2-8-0 libselinux1 libtinfo6 libudev1 libzstd1 mount perl-base sed
  sysvinit-core tar util-linux zlib1g)

fail() {
  echo "guests.sh: $*" >&2
  exit 1
}

need() {
  command -v "$1" >/dev/null || fail "needs the command '$1', which is not installed"
}

# Debian's own entries of the host's source lists: those whose suite is the release or one of its pockets.
write_sources() {
  local codename
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  [[ -n $codename ]] || fail "/etc/os-release names no VERSION_CODENAME; a Debian host is needed"
  local files=() file
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    if [[ -f $file ]]; then files+=("$file"); fi
  done
  if ((${#files[@]})); then
    { grep -hE "^deb .* $codename(-[a-z]+)? .*\bmain\b" "${files[@]}" || true; } |
      sed -E 's/^deb (\[[^]]*\] )?/deb \1/; s/arch=[^] ]*//' >"$work/apt/sources.d/host.list"
  fi
  for file in /etc/apt/sources.list.d/*.sources; do
    if [[ -f $file ]] && grep -qE "^Suites:.*[ :]$codename( |\$|-)" "$file" && grep -q '^Types:.*deb\b' "$file"; then
      sed '/^Architectures:/d' "$file" >"$work/apt/sources.d/$(basename "$file")"
    fi
  done
  grep -qsE '^(deb |URIs:)' "$work"/apt/sources.d/* || fail "the host's apt sources have no entry for Debian $codename"
}

# The host's apt settings (proxy, retries) without its hooks, which would act on the host after an update.
write_settings() {
  local file
  for file in /etc/apt/apt.conf.d/*; do
    if [[ -f $file ]]; then ln -s "$file" "$work/apt/conf.d/$(basename "$file")"; fi
  done
  printf '#clear %s;\n' APT::Update::{Pre-Invoke,Post-Invoke,Post-Invoke-Success} DPkg >"$work/apt/conf.d/zz-no-hooks"
  echo "Dir::Etc::parts \"$work/apt/conf.d\";" >"$work/apt/conf"
}

# An apt of our own for i386: it reads the host's mirrors and keys and writes only below $work.
private_apt() {
  local command=$1
  shift
  APT_CONFIG=$work/apt/conf "$command" -q \
    -o APT::Architecture=i386 -o APT::Architectures::=i386 -o APT::Sandbox::User="$(id -un)" \
    -o Dir::State="$work/apt/state" -o Dir::State::status="$work/apt/status" \
    -o Dir::Cache="$work/apt/cache" \
    -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/apt/sources.d" \
    -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

prepare_apt() {
  rm -rf "$work"
  mkdir -p "$work"/apt/{conf.d,sources.d,state/lists/partial,cache/archives/partial} "$work"/{deb,root}
  : >"$work/apt/status"
  write_settings
  write_sources
  # One pocket whose index does not match its signed Release (a mirror being synchronised) leaves the others usable:
  # apt drops that index, and the packages come from the rest. Without a network apt only warns.
  local reason=
  if ! private_apt apt-get update >"$work/apt/log" 2>&1 || grep -q '^W: Failed' "$work/apt/log"; then
    reason=$(grep -m1 -E '^[EW]: Failed' "$work/apt/log" || tail -n1 "$work/apt/log")
  fi
  private_apt apt-cache show busybox-static linux-image-686 >/dev/null 2>&1 ||
    fail "apt-get update found no i386 packages: ${reason:-the sources of the host list none}"
  if [[ -n $reason ]]; then echo "guests.sh: note: without the index that failed: $reason" >&2; fi
}

# Unpacks each package into $work/root/NAME.
fetch() {
  local package
  (cd "$work/deb" && private_apt apt-get download "$@") >"$work/apt/log" 2>&1 ||
    fail "cannot download $*:i386: $(grep -m1 '^E:' "$work/apt/log" || tail -n1 "$work/apt/log")"
  for package in "$@"; do
    dpkg-deb -x "$work/deb/${package}"_*.deb "$work/root/$package" || fail "cannot unpack $package"
  done
}

# linux-image-686 is a name for the current kernel: its one dependency is the package that holds the file.
kernel_package() {
  private_apt apt-cache depends "linux-image-$1" | sed -n 's/^ *Depends: *\(linux-image-[0-9].*\)$/\1/p' | head -n1 || true
}

build_kernel() {
  local flavour=$1 package
  package=$(kernel_package "$flavour")
  [[ -n $package ]] || fail "linux-image-$flavour:i386 depends on no kernel package in this release"
  fetch "$package"
  local image=("$work/root/$package"/boot/vmlinuz-*)
  [[ -f ${image[0]} ]] || fail "$package holds no /boot/vmlinuz-*"
  echo "$(basename "$work/deb/${package}"_*.deb)" >"$build/vmlinuz-$flavour.version"
  mv "${image[0]}" "$build/vmlinuz-$flavour"
  if [[ $flavour == "$disk_flavour" ]]; then keep_disk_modules "$work/root/$package"/lib/modules/*/kernel; fi
  keep_modules "$flavour" "$work/root/$package"/lib/modules/*/kernel
}

# The modules that the disk guest inserts, and their order; floppy.ko it inserts only when it is told to.
keep_disk_modules() {
  local source=$1 target=$build/disk-modules file
  rm -rf "$target"
  mkdir "$target"
  "$node" "$here/scripts/module-closure.mjs" "$source" "${disk_modules[@]}" >"$work/modules" ||
    fail "cannot collect the modules of the disk guest"
  cp "$source/drivers/block/floppy.ko" "$target/"
  while read -r file; do
    cp "$file" "$target/"
    basename "$file"
  done <"$work/modules" >"$work/order"
  mv "$work/order" "$target/order"
}

# The network card's drivers; the kernel has everything else that its guest needs.
keep_modules() {
  local target=$build/modules-$1 source=$2 name
  mkdir -p "$target"
  for name in drivers/net/mii drivers/net/ethernet/realtek/8139too drivers/net/ethernet/realtek/8139cp; do
    mv "$source/$name.ko" "$target/" || fail "the $1 kernel has no $name.ko"
  done
}

build_busybox() {
  fetch busybox-static
  local binary
  for binary in "$work"/root/busybox-static/{bin,usr/bin}/busybox; do
    if [[ -f $binary ]]; then
      mv "$binary" "$build/busybox"
      return
    fi
  done
  fail "busybox-static holds no bin/busybox"
}

# SeaBIOS and its VGA BIOSes.
build_seabios() {
  fetch seabios
  [[ -f $work/root/seabios/usr/share/seabios/bios-256k.bin ]] || fail "seabios holds no bios-256k.bin"
  rm -rf "$build/seabios"
  mv "$work/root/seabios/usr/share/seabios" "$build/seabios"
}

# memtest86+, the installer's kernel and initrd, boot loaders and the network card's boot ROM, as they are in their packages.
build_boot() {
  local target=$build/boot root=$work/root
  fetch memtest86+ debian-installer-12-netboot-i386 isolinux syslinux-common grub-pc-bin ipxe-qemu
  rm -rf "$target"
  mkdir -p "$target"/{installer,isolinux,grub}
  local installer=$root/debian-installer-12-netboot-i386/usr/lib/debian-installer/images/12/i386/text/debian-installer/i386
  mv "$root/memtest86+/usr/lib/memtest86+/memtest86+ia32.iso" "$target/memtest.iso" || fail "memtest86+ holds no ISO image"
  mv "$installer"/{linux,initrd.gz} "$target/installer/" || fail "the installer's package holds no kernel and initrd"
  mv "$root/isolinux/usr/lib/ISOLINUX/isolinux.bin" "$root"/syslinux-common/usr/lib/syslinux/modules/bios/{ldlinux,libutil,menu}.c32 \
    "$target/isolinux/" || fail "isolinux and syslinux-common hold no boot loader"
  mv "$root/grub-pc-bin/usr/lib/grub/i386-pc" "$target/grub/" || fail "grub-pc-bin holds no modules"
  mv "$root/ipxe-qemu/usr/lib/ipxe/qemu/pxe-rtl8139.rom" "$target/" || fail "ipxe-qemu holds no pxe-rtl8139.rom"
  echo complete >"$target/done"
}

# Unpacked over each other, without what only people read.
build_root() {
  local package target=$build/root
  rm -rf "$target"
  mkdir -p "$target"
  fetch "${root_packages[@]}"
  for package in "${root_packages[@]}"; do
    rm -rf "$work/root/$package"/usr/share/{doc,man,info,locale,lintian,bash-completion}
    cp -a "$work/root/$package/." "$target/"
  done
  # What the packages' scripts would do.
  ln -sf bash "$target/bin/sh"
  cp "$target/usr/share/base-passwd/passwd.master" "$target/etc/passwd"
  cp "$target/usr/share/base-passwd/group.master" "$target/etc/group"
  echo complete >"$target/etc/debian_root"
}

build_initramfs() {
  local source=$here/guests/debian
  "$node" "$here/scripts/make-initramfs.mjs" "$build/initramfs.cpio.gz" \
    dir:/dev dir:/proc dir:/sys dir:/tmp dir:/root dir:/etc dir:/bin dir:/sbin \
    node:/dev/console:c:5:1:600 node:/dev/null:c:1:3:666 \
    "file:/bin/busybox:755:$build/busybox" link:/bin/sh:busybox \
    "file:/init:755:$source/init" "file:/workload.sh:755:$source/workload.sh" || fail "cannot write initramfs.cpio.gz"
}

build_network_initramfs() {
  local flavour=$1 name entries=()
  for name in "$build/modules-$flavour"/*.ko; do entries+=("file:/modules/$(basename "$name"):644:$name"); done
  "$node" "$here/scripts/make-initramfs.mjs" "$build/network-$flavour.cpio.gz" \
    dir:/dev dir:/proc dir:/sys dir:/tmp dir:/root dir:/etc dir:/bin dir:/sbin dir:/modules \
    node:/dev/console:c:5:1:600 node:/dev/null:c:1:3:666 "${entries[@]}" \
    "file:/bin/busybox:755:$build/busybox" link:/bin/sh:busybox \
    "file:/init:755:$here/guests/debian/network-init" || fail "cannot write network-$flavour.cpio.gz"
}

build_disk_initramfs() {
  local file entries=("file:/modules/order:644:$build/disk-modules/order")
  for file in "$build"/disk-modules/*.ko; do entries+=("file:/modules/$(basename "$file"):644:$file"); done
  "$node" "$here/scripts/make-initramfs.mjs" "$build/disk-initramfs.cpio.gz" \
    dir:/dev dir:/proc dir:/sys dir:/tmp dir:/root dir:/etc dir:/bin dir:/sbin dir:/modules \
    node:/dev/console:c:5:1:600 node:/dev/null:c:1:3:666 "${entries[@]}" \
    "file:/bin/busybox:755:$build/busybox" link:/bin/sh:busybox \
    "file:/init:755:$here/guests/debian/disk-init" || fail "cannot write disk-initramfs.cpio.gz"
}

older_than() {
  local target=$1 source
  shift
  [[ -s $target ]] || return 0
  for source in "$@"; do
    if [[ $source -nt $target ]]; then return 0; fi
  done
  return 1
}

finish() {
  local status=$?
  rm -rf "$work" "$build"/*.partial
  exit "$status"
}

for command in apt-get apt-cache dpkg-deb; do need "$command"; done
need node
node=$(command -v node)
case ${1:-} in
  '') ;;
  --clean) rm -rf "$build" ;;
  *) fail "unknown argument '$1'; expected nothing or --clean" ;;
esac
mkdir -p "$build"
trap finish EXIT
trap 'exit 130' INT TERM

missing=()
for flavour in "${flavours[@]}"; do
  if [[ ! -s $build/vmlinuz-$flavour || ! -s $build/modules-$flavour/8139too.ko ]]; then missing+=("$flavour"); fi
done
if [[ ! -s $build/disk-modules/order && ! ${missing[*]-} =~ (^| )$disk_flavour( |$) ]]; then missing+=("$disk_flavour"); fi
if ((${#missing[@]})) || [[ ! -s $build/busybox || ! -s $build/seabios/bios-256k.bin || ! -s $build/boot/done || ! -s $build/root/etc/debian_root ]]; then
  prepare_apt
  for flavour in "${missing[@]}"; do build_kernel "$flavour"; done
  if [[ ! -s $build/busybox ]]; then build_busybox; fi
  if [[ ! -s $build/seabios/bios-256k.bin ]]; then build_seabios; fi
  if [[ ! -s $build/boot/done ]]; then build_boot; fi
  if [[ ! -s $build/root/etc/debian_root ]]; then build_root; fi
fi
if older_than "$build/initramfs.cpio.gz" "$build/busybox" "$here"/guests/debian/* "$here/scripts/make-initramfs.mjs"; then
  build_initramfs
fi
for flavour in "${flavours[@]}"; do
  if older_than "$build/network-$flavour.cpio.gz" "$build/busybox" "$build/modules-$flavour"/*.ko \
    "$here/guests/debian/network-init" "$here/scripts/make-initramfs.mjs"; then
    build_network_initramfs "$flavour"
  fi
done
if older_than "$build/disk-initramfs.cpio.gz" "$build/busybox" "$build/disk-modules/order" \
  "$here/guests/debian/disk-init" "$here/scripts/make-initramfs.mjs"; then
  build_disk_initramfs
fi
if older_than "$build/expected.txt" "$build/busybox" "$here"/guests/debian/workload.sh; then
  "$here/scripts/expected-workload.sh" || fail "the workload does not run natively under $build/busybox"
fi
for file in vmlinuz-686 vmlinuz-686-pae busybox initramfs.cpio.gz disk-initramfs.cpio.gz expected.txt seabios/bios-256k.bin \
  boot/memtest.iso boot/installer/initrd.gz boot/pxe-rtl8139.rom; do
  printf '%10d  %s\n' "$(stat -c %s "$build/$file")" "guests/build/$file"
done
