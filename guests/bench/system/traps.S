# Entries from ring 3, from faults and from the timer, as short as they can be; and the way into ring 3.
        .text
        .globl trap_call, trap_leave, trap_page_fault, trap_timer, entry_sysenter, enter_user

trap_call:
        addl $3, %eax
        iretl

entry_sysenter:
        addl $3, %eax
        sysexit                            # EDX and ECX hold the caller's EIP and ESP

# u32 enter_user(u32 (*function)(u32), u32 argument, u32 stack, u32 *kernel_stack)
enter_user:
        pushl %ebp
        pushl %ebx
        pushl %esi
        pushl %edi
        movl 20(%esp), %eax                # function
        movl 24(%esp), %edx                # argument
        movl 28(%esp), %ecx                # stack
        movl 32(%esp), %ebx                # the TSS's ESP0
        movl %esp, (%ebx)
        movl %esp, saved_esp
        movl $0x23, %ebx
        movl %ebx, %ds
        movl %ebx, %es
        pushl $0x23
        pushl %ecx
        pushl $2
        pushl $0x1b
        pushl $1f
        iretl
1:      pushl %edx
        call *%eax
        int $0x81

trap_leave:
        movl $0x10, %ebx
        movl %ebx, %ds
        movl %ebx, %es
        movl saved_esp, %esp
        popl %edi
        popl %esi
        popl %ebx
        popl %ebp
        ret

# Makes the page present that its entry names (not present entries keep their frame), counts.
trap_page_fault:
        pushl %eax
        pushl %edx
        movl %cr2, %eax
        shrl $12, %eax
        orl $1, page_tables(,%eax,4)
        incl ticks
        popl %edx
        popl %eax
        addl $4, %esp
        iretl

trap_timer:
        pushl %eax
        incl ticks
        movb $0x20, %al
        outb %al, $0x20
        popl %eax
        iretl

        .bss
        .align 4
saved_esp:
        .skip 4
        .section .note.GNU-stack, "", @progbits
