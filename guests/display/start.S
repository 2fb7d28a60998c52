# Entry of the display guest: multiboot-1, flat segments, interrupts off throughout; main gets the boot information.
        .section .multiboot, "a"
        .align 4
        .long 0x1BADB002, 0x0, -0x1BADB002

        .text
        .globl _start
_start: cli
        cld
        movl $stack_top, %esp
        pushl %ebx
        call main
0:      cli
        hlt
        jmp 0b

        .bss
        .align 16
        .skip 0x4000
stack_top:
        .section .note.GNU-stack, "", @progbits
