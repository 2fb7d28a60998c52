# Multiboot-1 entry, the way into a case and the ways out of it: one stub per vector, and the double-fault task.
        .section .multiboot, "a"
        .align 4
        .long 0x1BADB002, 0x0, -0x1BADB002

        .set EAX, 0
        .set ECX, 4
        .set EDX, 8
        .set EBX, 12
        .set ESP, 16
        .set EBP, 20
        .set ESI, 24
        .set EDI, 28
        .set EIP, 32
        .set EFLAGS, 36
        .set ES, 40
        .set CS, 44
        .set SS, 48
        .set DS, 52
        .set FS, 56
        .set GS, 60
        .set VECTOR, 64
        .set ERROR, 68

        .text
        .globl _start
_start: cli
        cld
        movl $stack_top, %esp
        lgdt start_pointer
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

# void enter(void): runs from `in` until an exception or interrupt, which fills `out`.
        .globl enter
enter:  pushal
        movl %esp, harness_esp
again:  testl $0x20000, in+EFLAGS
        jnz 3f
        movw in+ES, %es
        movw in+FS, %fs
        movw in+GS, %gs
        testl $3, in+CS
        jnz 4f
        movw in+SS, %ss
        movl in+ESP, %esp
        jmp 5f
3:      pushl in+GS
        pushl in+FS
        pushl in+DS
        pushl in+ES
4:      pushl in+SS
        pushl in+ESP
5:      pushl in+EFLAGS
        pushl in+CS
        pushl in+EIP
        movl in+EAX, %eax
        movl in+ECX, %ecx
        movl in+EDX, %edx
        movl in+EBX, %ebx
        movl in+EBP, %ebp
        movl in+ESI, %esi
        movl in+EDI, %edi
        testl $0x20000, in+EFLAGS
        jnz 6f
        movw in+DS, %ds
6:      iretl

# The frame lies on the case's own stack in ring 0, so it is popped through SS whatever that is.
common: pushl %ds
        pushl %eax
        movl $0x10, %eax
        movl %eax, %ds
        popl out+EAX
        popl out+DS
        popl out+VECTOR
        popl out+ERROR
        popl out+EIP
        popl out+CS
        popl out+EFLAGS
        movl %ecx, out+ECX
        movl %edx, out+EDX
        movl %ebx, out+EBX
        movl %ebp, out+EBP
        movl %esi, out+ESI
        movl %edi, out+EDI
        movw %es, out+ES
        movw %fs, out+FS
        movw %gs, out+GS
        movl %esp, out+ESP
        movw %ss, out+SS
        testl $0x20000, out+EFLAGS
        jnz 1f
        testl $3, out+CS
        jz leave
        popl out+ESP
        popl out+SS
        jmp leave
1:      popl out+ESP
        popl out+SS
        popl out+ES
        popl out+DS
        popl out+FS
        popl out+GS
leave:  movl $0x10, %eax
        movl %eax, %ss
        movl harness_esp, %esp
        movl %eax, %es
        movl %eax, %fs
        movl %eax, %gs
        pushl $2
        popfl
        call harness_event
        testl %eax, %eax
        jnz again
        popal
        ret

# The task of the double fault: the state it interrupted is in the TSS it came from.
        .globl double_fault
double_fault:
        popl out+ERROR
        movl $8, out+VECTOR
        clts
        call harness_double_fault
        jmp leave

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
        .rept 256
        stub %i
        .set i, i + 1
        .endr

        .section .rodata
        .globl stubs
stubs:  .set i, 0
        .rept 256
        address %i
        .set i, i + 1
        .endr
        .align 8
start_gdt:
        .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
start_pointer:
        .word 23
        .long start_gdt

        .bss
        .align 16
harness_esp:
        .skip 4
        .align 16
        .skip 0x8000
stack_top:
        .section .note.GNU-stack, "", @progbits
