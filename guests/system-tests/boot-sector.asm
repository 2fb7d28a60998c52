; Boot sector of a disk whose sectors 1.. hold a flat multiboot kernel: reads it to 64 KiB, moves it to 1 MiB, clears what follows and
; enters it as a multiboot loader does. The script that makes the disk fills in the four numbers at the end.
        bits 16
        org 0x7c00
start:  cli
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        sti
        mov si, packet
next:   mov ah, 0x42
        int 0x13                ; DL is the disk the BIOS started from
        jc fail
        add word [packet + 6], 0x400    ; 32 sectors further
        add dword [packet + 8], 32
        sub word [sectors], 32
        ja next
        mov ax, 0x2401
        int 0x15
        in al, 0x92
        or al, 2
        and al, 0xfe
        out 0x92, al
        cli
        lgdt [pointer]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp 0x08:protected
fail:   hlt
        jmp fail

        bits 32
protected:
        mov ax, 0x10
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov fs, ax
        mov gs, ax
        cld
        mov esi, 0x10000
        mov edi, 0x100000
        mov ecx, [file_bytes]
        rep movsb
        mov ecx, [clear_bytes]
        xor eax, eax
        rep stosb
        mov eax, 0x2badb002
        mov ebx, 0x500
        mov dword [ebx], 0
        jmp [entry]

        align 8
gdt:    dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
pointer: dw 23
        dd gdt
        align 4
packet: db 16, 0
        dw 32
        dw 0, 0x1000
        dq 1
        times 0x1b8 - 16 - ($ - $$) db 0
sectors: dd 0
file_bytes: dd 0
clear_bytes: dd 0
entry:  dd 0
        times 0x1be - ($ - $$) db 0
        db 0x80, 0, 2, 0, 0x0c, 0xff, 0xff, 0xff
        dd 1, 2015
        times 510 - ($ - $$) db 0
        dw 0xaa55
