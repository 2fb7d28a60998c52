# Functions of the page-end tests.
        .text
# u32 stack_across(u32 top): runs the stack instructions with ESP at `top`; 42 when all came out right
        .globl stack_across
stack_across:
        pushl %ebp
        pushl %ebx
        pushl %esi
        pushl %edi
        movl 20(%esp), %eax
        movl %esp, %ebp
        movl %eax, %esp
        movl $0x01020304, %ebx
        movl $0x05060708, %esi
        pushl %ebx
        pushw %si
        pushl %esi
        call 5f
        popl %ecx
        popw %dx
        popl %eax
        cmpl %ebx, %eax
        jne 9f
        cmpl %esi, %ecx
        jne 9f
        cmpw %si, %dx
        jne 9f
        movl $77, %edi
        pushal
        movl $0, %edi
        movl $0, %ebx
        popal
        cmpl $77, %edi
        jne 9f
        cmpl $0x01020304, %ebx
        jne 9f
        pushfl
        popl %eax
        pushl %eax
        popfl
        movl %esp, %edx
        movl %ebp, %ecx
        enter $8, $0
        movl %ebx, -4(%ebp)
        cmpl %ebx, -4(%ebp)
        jne 9f
        leave
        cmpl %edx, %esp
        jne 9f
        cmpl %ecx, %ebp
        jne 9f
        movl $42, %eax
        jmp 8f
9:      xorl %eax, %eax
8:      movl %ebp, %esp
        popl %edi
        popl %esi
        popl %ebx
        popl %ebp
        ret
5:      movl (%esp), %eax
        ret

# u32 exchange_across(u32 address): one bit for each instruction that left the right memory and register
        .globl exchange_across
exchange_across:
        pushl %ebx
        pushl %edi
        pushl %esi
        movl 16(%esp), %edi
        xorl %esi, %esi
        movl $0x11223344, (%edi)
        movl $0x55667788, %eax
        xchgl %eax, (%edi)
        cmpl $0x11223344, %eax
        jne 1f
        cmpl $0x55667788, (%edi)
        jne 1f
        orl $1, %esi
1:      movl $0x55667788, %eax
        movl $0x99aabbcc, %ecx
        cmpxchgl %ecx, (%edi)
        jne 1f
        cmpl %ecx, (%edi)
        jne 1f
        orl $2, %esi
1:      movl $1, 4(%edi)
        movl $0x99aabbcc, %eax
        movl $1, %edx
        movl $2, %ebx
        movl $3, %ecx
        lock cmpxchg8b (%edi)
        jne 1f
        cmpl $2, (%edi)
        jne 1f
        cmpl $3, 4(%edi)
        jne 1f
        orl $4, %esi
1:      movl $20, %eax
        btsl %eax, (%edi)
        jc 1f
        cmpl $0x100002, (%edi)
        jne 1f
        orl $8, %esi
1:      movl $0x10, %eax
        lock xaddl %eax, (%edi)
        cmpl $0x100002, %eax
        jne 1f
        cmpl $0x100012, (%edi)
        jne 1f
        orl $16, %esi
1:      movl %esi, %eax
        popl %esi
        popl %edi
        popl %ebx
        ret
        .section .note.GNU-stack, "", @progbits
