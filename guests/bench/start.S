# Entry of the bench guest: multiboot-1, flat segments, interrupts off, floating point on.
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
        movl %cr0, %eax
        andl $~0x0c, %eax                  # not EM, TS
        orl $0x22, %eax                    # MP, NE
        movl %eax, %cr0
        movl %cr4, %eax
        orl $0x600, %eax                   # OSFXSR, OSXMMEXCPT
        movl %eax, %cr4
        fninit
        subl $12, %esp                     # the stack is aligned to 16 bytes at a call
        pushl 16(%ebx)                     # the command line in the multiboot information
        call machine_main
0:      cli
        hlt
        jmp 0b

        .data
        .align 8
        .globl gdt
gdt:    .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
        .word 23
        .long gdt

        .bss
        .align 16
        .skip 0x100000
stack_top:
        .section .note.GNU-stack, "", @progbits
