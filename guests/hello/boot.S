# Entry of the hello guest: the multiboot-1 header, the first instructions, the interrupt stubs and the way to ring 3 and back.

        .set FLAGS, 0x3                 # modules page-aligned, memory information wanted
        .section .multiboot, "a"
        .align 4
        .long 0x1BADB002, FLAGS, -(0x1BADB002 + FLAGS)

        .text
        .globl _start
_start:
        cli
        cld
        movl $stack_top, %esp
        pushl $0
        popfl
        pushl %ebx                      # multiboot information
        pushl %eax                      # 0x2BADB002
        call main
0:      cli
        hlt
        jmp 0b

# void load_tables(const void *gdt, const void *idt): loads both and every segment register
        .globl load_tables
load_tables:
        movl 4(%esp), %eax
        lgdt (%eax)
        movl 8(%esp), %eax
        lidt (%eax)
        ljmp $0x08, $1f
1:      movl $0x10, %eax
        movl %eax, %ds
        movl %eax, %es
        movl %eax, %fs
        movl %eax, %gs
        movl %eax, %ss
        movl $0x28, %eax
        ltr %ax
        ret

# One stub per vector; those whose exception has no error code push a 0 in its place.
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
        .rept 49
        stub %i
        .set i, i + 1
        .endr

common:
        pushal
        pushl %ds
        pushl %es
        pushl %fs
        pushl %gs
        movl $0x10, %eax
        movl %eax, %ds
        movl %eax, %es
        cld
        pushl %esp
        call interrupt
        addl $4, %esp
        popl %gs
        popl %fs
        popl %es
        popl %ds
        popal
        addl $8, %esp
        iretl

        .section .rodata
        .globl interrupt_stubs
interrupt_stubs:
        .set i, 0
        .rept 49
        address %i
        .set i, i + 1
        .endr

        .text
# void run_user(void (*code)(void)): runs code in ring 3 until an interrupt handler calls leave_user
        .globl run_user
run_user:
        movl 4(%esp), %eax
        pushl %ebx
        pushl %esi
        pushl %edi
        pushl %ebp
        pushfl
        movl %esp, kernel_esp
        movl %esp, task_state + 4       # esp0
        movl $0x23, %ecx
        movl %ecx, %ds
        movl %ecx, %es
        pushl %ecx
        pushl $user_stack_top
        pushl $0x202
        pushl $0x1b
        pushl %eax
        iretl

        .globl leave_user
leave_user:
        movl kernel_esp, %esp
        movl $0x10, %eax
        movl %eax, %ds
        movl %eax, %es
        popfl
        popl %ebp
        popl %edi
        popl %esi
        popl %ebx
        ret

        .section .user, "ax"
# Ring 3 programs of the command fault: each does one forbidden thing.
        .macro user_program name:req, code:vararg
        .globl \name
\name:  \code
        jmp .
        .endm
        user_program user_read_kernel, movl 0x100000, %eax
        user_program user_write_kernel, movl %eax, 0x100004
        user_program user_read_absent, movl 0x40001010, %eax
        user_program user_cli, cli
        user_program user_port, inb $0x60, %al
        user_program user_system_call, int $0x30

        .bss
        .align 4
kernel_esp: .skip 4
        .align 16
        .skip 16384
stack_top:

        .section .user_data, "aw", @nobits
        .align 16
        .skip 1024
user_stack_top:
        .section .note.GNU-stack, "", @progbits
