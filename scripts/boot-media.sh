#!/usr/bin/env bash
# Makes media that real boot loaders start from, in guests/build/media: GRUB on a floppy and an ISO, syslinux on a floppy and as a floppy image on
# a CD, isolinux, memtest86+. The loaders come from the installed Debian packages grub-pc-bin, grub-common, xorriso, mtools, syslinux, isolinux,
# syslinux-common and memtest86+; what is missing is left out and named.
# usage: scripts/boot-media.sh
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
media=$here/guests/build/media
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$media"

have() { command -v "$1" >/dev/null; }
iso() { xorriso -as mkisofs -quiet "$@" 2>"$work/log" || { cat "$work/log" >&2; return 1; }; }
skip() { echo "boot-media.sh: no $1: $2 is missing" >&2; }

# A core image with its prompt, behind GRUB's boot sector; the first sector of the core holds the list of the sectors that follow it.
grub_floppy() {
  local grub=/usr/lib/grub/i386-pc sectors
  grub-mkimage -O i386-pc -o "$work/core.img" -p '(fd0)/' biosdisk minicmd normal ls echo
  sectors=$((($(stat -c %s "$work/core.img") + 511) / 512))
  printf "$(printf '\\x02\\0\\0\\0\\0\\0\\0\\0\\x%02x\\x%02x\\x20\\x08' $(((sectors - 1) & 255)) $(((sectors - 1) >> 8)))" |
    dd of="$work/core.img" bs=1 seek=500 conv=notrunc status=none
  cat "$grub/boot.img" "$work/core.img" >"$media/grub.img"
  truncate -s 1440K "$media/grub.img"
}

syslinux_floppy() {
  truncate -s 1440K "$media/syslinux.img"
  mformat -i "$media/syslinux.img" -f 1440 ::
  printf 'DEFAULT none\nPROMPT 1\nTIMEOUT 0\n' | mcopy -o -i "$media/syslinux.img" - ::syslinux.cfg
  syslinux --install "$media/syslinux.img"
  mkdir "$work/emulated" && cp "$media/syslinux.img" "$work/emulated/"
  iso -o "$media/emulated.iso" -b syslinux.img -c boot.cat "$work/emulated"
}

isolinux_cd() {
  mkdir -p "$work/cd/isolinux"
  cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/{ldlinux,menu,libutil}.c32 "$work/cd/isolinux/"
  printf 'UI menu.c32\nLABEL one\n MENU LABEL First entry\n KERNEL one\nLABEL two\n MENU LABEL Second entry\n LOCALBOOT -1\n' \
    >"$work/cd/isolinux/isolinux.cfg"
  iso -o "$media/isolinux.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table "$work/cd"
}

if have grub-mkimage && [[ -d /usr/lib/grub/i386-pc ]]; then grub_floppy; else skip grub.img grub-pc-bin; fi
if have grub-mkrescue && have xorriso; then grub-mkrescue -o "$media/grub.iso" >"$work/log" 2>&1; else skip grub.iso grub-common; fi
if have syslinux && have mformat && have xorriso; then syslinux_floppy; else skip syslinux.img 'syslinux, mtools or xorriso'; fi
if [[ -f /usr/lib/ISOLINUX/isolinux.bin ]] && have xorriso; then isolinux_cd; else skip isolinux.iso isolinux; fi
if [[ -f /usr/lib/memtest86+/memtest86+ia32.iso ]]; then cp /usr/lib/memtest86+/memtest86+ia32.iso "$media/memtest.iso"; else skip memtest.iso memtest86+; fi
ls -l "$media"
