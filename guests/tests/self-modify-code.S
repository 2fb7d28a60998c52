# Functions of the self-modification tests. "ADD1" is 83 C0 01 (ADD EAX, 1); the change turns its last byte into 2 when 1000
# turns are left, and each function restores the byte before it returns, so that it can run again.
        .section .pages, "awx"

        .macro ADD1
        .byte 0x83, 0xc0, 0x01
        .endm

        .globl ahead_straight
ahead_straight:
        movl 4(%esp), %eax
        movl %eax, 1f + 1
1:      movl $0x11111111, %eax
        ret

        .globl ahead_in_loop
ahead_in_loop:
        movl 4(%esp), %ecx
        xorl %eax, %eax
1:      cmpl $1000, %ecx
        jne 2f
        movb $2, 2f + 2
2:      ADD1
        decl %ecx
        jnz 1b
        movb $1, 2b + 2
        ret

        .globl behind_in_loop
behind_in_loop:
        movl 4(%esp), %ecx
        xorl %eax, %eax
1:      ADD1
        cmpl $1000, %ecx
        jne 2f
        movb $2, 1b + 2
2:      decl %ecx
        jnz 1b
        movb $1, 1b + 2
        ret

        .globl every_turn
every_turn:
        movl 4(%esp), %ecx
        xorl %eax, %eax
        movl $0, 1f + 1
1:      .byte 0x05                      # ADD EAX, imm32
        .long 0
        incl 1b + 1
        decl %ecx
        jnz 1b
        ret

# the inner loop changes the outer one's addition half way through
        .globl outer_loop
outer_loop:
        movl 4(%esp), %ecx
        xorl %eax, %eax
1:      ADD1
        movl $50, %edx
2:      cmpl $101, %ecx
        jne 3f
        movb $5, 1b + 2
3:      decl %edx
        jnz 2b
        decl %ecx
        jnz 1b
        movb $1, 1b + 2
        ret

# 75 (JNZ) becomes 74 (JZ): the skipped addition is reached in the last 1000 turns
        .globl branch_turned
branch_turned:
        movl 4(%esp), %ecx
        xorl %eax, %eax
1:      cmpl $1000, %ecx
        jne 2f
        movb $0x74, 3f
2:      testl %ecx, %ecx
3:      .byte 0x75, 0x01
        incl %eax
        decl %ecx
        jnz 1b
        movb $0x75, 3b
        ret

# C7 05 addr32 imm32 overwrites its own first bytes with NOP, NOP, JMP +6
        .globl own_store
own_store:
        movl 4(%esp), %ecx
        xorl %eax, %eax
        pushl own
1:      incl %eax
own:    movl $0x06eb9090, own
        decl %ecx
        jnz 1b
        popl own
        ret

        .globl caller
caller: movl 4(%esp), %ecx
        xorl %eax, %eax
1:      cmpl $1000, %ecx
        jne 2f
        movb $2, callee + 2
2:      call callee
        decl %ecx
        jnz 1b
        movb $1, callee + 2
        ret

        .globl indirect_caller
indirect_caller:
        movl 4(%esp), %ecx
        movl $callee, %edx
        xorl %eax, %eax
1:      cmpl $1000, %ecx
        jne 2f
        movb $2, callee + 2
2:      call *%edx
        decl %ecx
        jnz 1b
        movb $1, callee + 2
        ret
        .align 128
callee: ADD1
        ret

# PUSH into the immediate of the instruction behind it
        .globl by_push
by_push:
        movl 4(%esp), %eax
        movl %esp, %edx
        movl $1f + 5, %esp
        pushl %eax
1:      movl $0x33333333, %eax
        movl %edx, %esp
        ret

# each turn copies "MOV EAX, n" and NOPs over what runs next
        .globl by_string
by_string:
        pushl %esi
        pushl %edi
        movl 12(%esp), %edx
        pushl $0
1:      movl %edx, template + 1
        movl $template, %esi
        movl $2f, %edi
        movl $16, %ecx
        rep movsb
2:      .skip 16, 0x90
        addl %eax, (%esp)
        decl %edx
        jnz 1b
        popl %eax
        popl %edi
        popl %esi
        ret
template:
        .byte 0xb8
        .long 0
        .skip 11, 0x90

# NOPs over the addition
        .globl by_fill
by_fill:
        pushl %edi
        movl 8(%esp), %edx
        xorl %eax, %eax
1:      cmpl $1000, %edx
        jne 2f
        pushl %eax
        movl $0x90, %eax
        movl $2f, %edi
        movl $3, %ecx
        rep stosb
        popl %eax
2:      ADD1
        decl %edx
        jnz 1b
        movw $0xc083, 2b
        movb $1, 2b + 2
        popl %edi
        ret

        .globl by_rmw
by_rmw: movl 4(%esp), %ecx
        xorl %eax, %eax
1:      cmpl $1000, %ecx
        jne 2f
        lock xorb $3, 2f + 2
2:      ADD1
        decl %ecx
        jnz 1b
        xorb $3, 2b + 2
        ret

# a doubleword store whose last byte alone is the immediate
        .globl by_unaligned_store
by_unaligned_store:
        movl 4(%esp), %ecx
        xorl %eax, %eax
1:      cmpl $1000, %ecx
        jne 2f
        movl $0x02c08390, 2f - 1
        nop
        nop
        nop
2:      ADD1
        decl %ecx
        jnz 1b
        movb $1, 2b + 2
        ret

        .globl data_beside
data_beside:
        movl 4(%esp), %ecx
        movl $0, 2f
1:      addl $3, 2f
        decl %ecx
        jnz 1b
        movl 2f, %eax
        ret
2:      .long 0

        .globl by_alias, alias_add
by_alias:
        movl 4(%esp), %ecx
        movl 8(%esp), %edx
        xorl %eax, %eax
1:      cmpl $1000, %ecx
        jne alias_add
        movb $2, (%edx)
alias_add:
        ADD1
        decl %ecx
        jnz 1b
        movb $1, (%edx)
        ret

# u32 code(u32 count, u8 *patch): position-independent; its ADD is the 5-byte form at offset 13
        .globl position_independent, position_independent_end
position_independent:
        xorl %eax, %eax                 # 0
        movl 4(%esp), %ecx              # 2
        cmpw $1000, %cx                 # 6: 66 81 f9 imm16
        je 2f                           # 11
1:      .byte 0x05                      # 13: ADD EAX, imm32
        .long 1
        decl %ecx
        jz 3f
        cmpl $1000, %ecx
        jne 1b
2:      movl 8(%esp), %edx
        movb $2, (%edx)
        jmp 1b
3:      ret
position_independent_end:

# the function that is called changes an addition of its caller, on another page
        .globl called_from_other_page
called_from_other_page:
        movl 4(%esp), %ecx
        xorl %eax, %eax
caller_add:
        ADD1
        call change_caller
        decl %ecx
        jnz caller_add
        movb $1, caller_add + 2
        ret

# the ADD's opcode is the last byte of one page, its immediate lies on the next
        .globl across_page_end, crossing_add
        .balign 4096
        .skip 4096 - 24
across_page_end:
        movl 4(%esp), %ecx              # 4 bytes
        xorl %eax, %eax                 # 2
1:      cmpl $1000, %ecx                # 6
        jne crossing_add                # 2
        movb $2, crossing_add + 1       # 7
        nop                             # so that the ADD starts on the last byte of the page
        nop
crossing_add:
        .byte 0x05
        .long 1
        decl %ecx
        jnz 1b
        movb $1, crossing_add + 1
        ret

        .globl other_page
other_page:
        movl 4(%esp), %ecx
        xorl %eax, %eax
1:      cmpl $1000, %ecx
        jne 2f
        movb $2, far_add + 2
2:      jmp far_add
back:   decl %ecx
        jnz 1b
        movb $1, far_add + 2
        ret

        .balign 4096
far_add:
        ADD1
        jmp back
change_caller:
        cmpl $1000, %ecx
        jne 1f
        movb $2, caller_add + 2
1:      ret
        .section .note.GNU-stack, "", @progbits
