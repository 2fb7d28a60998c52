#!/usr/bin/env bash
# Makes what scripts/run-proofs.mjs boots, from the packages in guests/build/: ISO images and a floppy with boot loaders, and a disk with a root file system.
# usage: make-boot-media.sh DIRECTORY [installer] [isolinux] [grub] [floppy] [syslinux] [emulated] [root]     (default: all)
# Needs xorriso, grub-common, mtools, syslinux and e2fsprogs on the host.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$here/guests/build
boot=$build/boot
modules=$boot/grub/i386-pc
[[ -n ${1:-} && -d $1 ]] || {
  echo "make-boot-media.sh: '${1:-}' is not a directory" >&2
  exit 1
}
target=$(cd "$1" && pwd)
shift

# ISOLINUX with a menu of two entries; the second one starts what the rest of the arguments say.
isolinux_image() {
  local image=$1 tree=$2 kernel=$3 initrd=$4 append=$5
  mkdir -p "$tree/isolinux"
  cp "$boot"/isolinux/* "$tree/isolinux/"
  cp "$kernel" "$tree/linux"
  cp "$initrd" "$tree/initrd.gz"
  cat >"$tree/isolinux/isolinux.cfg" <<END
default menu.c32
prompt 0
menu title Boot media
label nothing
  menu label Nothing
  localboot -1
label second
  menu label Second
  kernel /linux
  append initrd=/initrd.gz $append
END
  xorriso -as mkisofs -quiet -J -o "$image" -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table "$tree"
  rm -r "$tree"
}

make_installer() {
  isolinux_image "$target/installer.iso" "$target/tree" "$boot/installer/linux" "$boot/installer/initrd.gz" \
    'vga=normal fb=false nomodeset console=tty0'
}

make_isolinux() {
  isolinux_image "$target/isolinux.iso" "$target/tree" "$build/vmlinuz-686" "$build/initramfs.cpio.gz" 'console=ttyS0'
}

make_grub() {
  local tree=$target/tree
  mkdir -p "$tree/boot/grub"
  cp "$build/vmlinuz-686" "$tree/linux"
  cp "$build/initramfs.cpio.gz" "$tree/initrd.gz"
  cat >"$tree/boot/grub/grub.cfg" <<'END'
set timeout=-1
menuentry 'Nothing' { halt }
menuentry 'Second' {
  linux /linux console=ttyS0
  initrd /initrd.gz
}
END
  grub-mkrescue -d "$modules" --locales= --fonts= --themes= -o "$target/grub.iso" "$tree" 2>/dev/null
  rm -r "$tree"
}

# The boot sector and its image behind it, which holds all modules that it needs: it ends at its prompt, for want of a configuration.
make_floppy() {
  grub-mkimage -d "$modules" -O i386-pc -p '(fd0)/boot/grub' -o "$target/core.img" biosdisk ext2 normal linux ls echo
  cat "$modules/boot.img" "$target/core.img" >"$target/floppy.img"
  rm "$target/core.img"
  truncate -s 1440K "$target/floppy.img"
}

# A floppy that ends at SYSLINUX's prompt, and the same as the image that a CD poses as.
make_syslinux() {
  rm -f "$target/syslinux.img"
  truncate -s 1440K "$target/syslinux.img"
  mformat -i "$target/syslinux.img" -f 1440 ::
  printf 'DEFAULT none\nPROMPT 1\nTIMEOUT 0\n' | mcopy -i "$target/syslinux.img" - ::syslinux.cfg
  syslinux --install "$target/syslinux.img"
}

make_emulated() {
  local tree=$target/tree
  [[ -f $target/syslinux.img ]] || make_syslinux
  mkdir -p "$tree"
  cp "$target/syslinux.img" "$tree/"
  xorriso -as mkisofs -quiet -o "$target/emulated.iso" -b syslinux.img -c boot.cat "$tree"
  rm -r "$tree"
}

make_root() {
  local tree=$target/tree
  cp -a "$build/root" "$tree"
  cp "$here/guests/debian/root-inittab" "$tree/etc/inittab"
  install -m 755 "$here/guests/debian/root-work" "$tree/etc/root-work"
  cp "$build/vmlinuz-686" "$tree/boot/vmlinuz"
  cp "$build/disk-initramfs.cpio.gz" "$tree/boot/initrd.gz"
  rm -f "$target/root.img"
  truncate -s 128M "$target/root.img"
  mke2fs -q -F -t ext4 -d "$tree" "$target/root.img"
  rm -r "$tree"
}

if (($# == 0)); then set -- installer isolinux grub floppy syslinux emulated root; fi
rm -rf "$target/tree"
for medium in "$@"; do
  case $medium in
    installer | isolinux | grub | floppy | syslinux | emulated | root) "make_$medium" ;;
    *)
      echo "make-boot-media.sh: no medium is called '$medium'; expected installer, isolinux, grub, floppy, syslinux, emulated or root" >&2
      exit 1
      ;;
  esac
done
