# Functions of the recursion tests; each takes its argument on the stack and returns in EAX.
        .text
# u32 on_stack(u32 (*function)(u32), u32 argument, u32 stack): calls it with ESP at the top of another stack
        .globl on_stack
on_stack:
        pushl %ebp
        movl %esp, %ebp
        movl 8(%ebp), %edx
        movl 12(%ebp), %eax
        movl 16(%ebp), %esp
        call *%edx
        movl %ebp, %esp
        popl %ebp
        ret

# depth in EAX, result in EAX: 0 at the bottom, one more on each way up; 8 bytes of stack for each level
        .globl recurse_direct
recurse_direct:
        testl %eax, %eax
        jz 1f
        decl %eax
        pushl %eax
        call recurse_direct
        addl $4, %esp
        incl %eax
1:      ret

        .globl recurse_indirect
recurse_indirect:
        testl %eax, %eax
        jz 1f
        decl %eax
        call *pointer
        incl %eax
1:      ret

        .globl recurse_mutual
recurse_mutual:
        testl %eax, %eax
        jz 1f
        decl %eax
        call even
        incl %eax
1:      ret
even:   testl %eax, %eax
        jz 1f
        decl %eax
        call recurse_mutual
        incl %eax
1:      ret

        .globl return_elsewhere
return_elsewhere:
        movl 4(%esp), %ecx
        xorl %eax, %eax
1:      pushl $2f
        call 3f
        ud2
2:      incl %eax
        decl %ecx
        jnz 1b
        ret
3:      addl $4, %esp                   # forgets its own return address
        ret

        .globl call_and_pop
call_and_pop:
        movl 4(%esp), %ecx
        xorl %eax, %eax
1:      call 2f
2:      popl %edx
        cmpl $2b, %edx
        jne 3f
        incl %eax
3:      decl %ecx
        jnz 1b
        ret

# Coroutines: each side counts and gives control to the other by exchanging stacks and returning
        .globl switch_stacks
switch_stacks:
        movl 4(%esp), %ecx
        movl 8(%esp), %edx
        xorl %eax, %eax
        subl $4, %edx
        movl $other_side, (%edx)
1:      pushl $2f
        xchgl %esp, %edx
        ret
2:      incl %eax
        subl $2, %ecx
        jnz 1b
        ret
other_side:
        incl %eax
        pushl $other_side
        xchgl %esp, %edx
        ret

        .data
pointer: .long recurse_indirect
        .section .note.GNU-stack, "", @progbits
