# Entry and exception stubs of the direct tests: multiboot-1, flat segments, interrupts off throughout.
        .section .multiboot, "a"
        .align 4
        .long 0x1BADB002, 0x0, -0x1BADB002

        .text
        .globl _start
_start: cli
        cld
        movl $stack_top, %esp
        lgdt gdt_pointer
        ljmp $0x08, $1f
1:      movl $0x10, %eax
        movl %eax, %ds
        movl %eax, %es
        movl %eax, %fs
        movl %eax, %gs
        movl %eax, %ss
        call harness_main
0:      cli
        hlt
        jmp 0b

        .altmacro
        .macro stub vector
stub_\vector:
        .if !((\vector == 8) || (\vector >= 10 && \vector <= 14) || (\vector == 17))
        pushl $0
        .endif
        pushl $\vector
        jmp common
        .endm
        .macro address vector
        .long stub_\vector
        .endm
        .set i, 0
        .rept 32
        stub %i
        .set i, i + 1
        .endr

common: pushal
        cld
        pushl %esp
        call harness_exception
        addl $4, %esp
        popal
        addl $8, %esp
        iretl

        .section .rodata
        .globl stubs
stubs:  .set i, 0
        .rept 32
        address %i
        .set i, i + 1
        .endr
        .align 8
gdt:    .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
        .word 23
        .long gdt

        .bss
        .align 16
        .globl stack_bottom
stack_bottom:
        .skip 0x40000
stack_top:
        .section .note.GNU-stack, "", @progbits
