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
again:  testl $1, real_mode
        jz 2f
        lidt REAL+(real_pointer-real_start)
        ljmp $0xd8, $(enter_real-real_start)
2:      testl $0x20000, in+EFLAGS
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

# What runs in real mode, copied to REAL: the way into a case, stubs of its vectors, and the way out. The first bytes are struct low
# of harness.h, within reach whatever limit DS has.
        .set REAL, 0x10000
        .set SELECTOR_ES, 72
        .set SELECTOR_SS, 74
        .set SELECTOR_DS, 76
        .set SELECTOR_FS, 78
        .set SELECTOR_GS, 80
        .section .real, "ax"
        .code16
        .globl real_start, real_end, real_stubs
real_start:
        .skip 84
real_pointer:
        .word 0x3ff
        .long REAL + 0x2000
protected_pointer:
        .skip 6
        .set WHERE, 96
        .org real_start + WHERE
        .skip 4
enter_real:
        movw %cs:SELECTOR_ES, %es
        movw %cs:SELECTOR_SS, %ss
        movw %cs:SELECTOR_DS, %ds
        movw %cs:SELECTOR_FS, %fs
        movw %cs:SELECTOR_GS, %gs
        movl %cr0, %eax
        andb $0xfe, %al
        movl %eax, %cr0
        ljmp $REAL >> 4, $1f - real_start
1:      movw %cs:ES, %es
        movw %cs:FS, %fs
        movw %cs:GS, %gs
        movw %cs, %ax
        movw %ax, %ss
        movl $0x1f00, %esp
        pushl %cs:EFLAGS
        popfl
        movw %cs:SS, %ss
        movl %cs:ESP, %esp
        movl %cs:EAX, %eax
        movl %cs:ECX, %ecx
        movl %cs:EDX, %edx
        movl %cs:EBX, %ebx
        movl %cs:EBP, %ebp
        movl %cs:ESI, %esi
        movl %cs:EDI, %edi
        movw %cs:DS, %ds
        ljmp *%cs:WHERE

real_common:
        pushw %ds
        pushw %cs
        popw %ds
        movl %eax, EAX
        popw DS
        popw VECTOR
        popw EIP
        popw CS
        popw EFLAGS
        movl %ecx, ECX
        movl %edx, EDX
        movl %ebx, EBX
        movl %ebp, EBP
        movl %esi, ESI
        movl %edi, EDI
        movl %esp, ESP
        movw %ss, SS
        movw %es, ES
        movw %fs, FS
        movw %gs, GS
        lidtl protected_pointer - real_start
        movl %cr0, %eax
        orb $1, %al
        movl %eax, %cr0
        ljmpl $0x08, $leave_real

        .macro real_stub vector
        pushw $\vector
        jmp real_common
        .balign 8
        .endm
        .balign 8
real_stubs:
        .set i, 0
        .rept 256
        real_stub %i
        .set i, i + 1
        .endr
real_end:
        .code32

        .text
leave_real:
        movl $0x10, %eax
        movl %eax, %ds
        movl $1, from_real
        jmp leave

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
