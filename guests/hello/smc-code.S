# The programs of the command smc: they lie in a page that is both code and data, and change themselves while they run.
        .section .smc, "awx"

# u32 smc_ahead(u32 value): changes the immediate of the instruction right behind the store, then runs it
        .globl smc_ahead
smc_ahead:
        movl 4(%esp), %eax
        movl %eax, ahead + 1
ahead:  movl $0x11111111, %eax
        ret

# u32 smc_loop(u32 count): each turn adds an immediate that the turn before it raised by one: 0 + 1 + ... + count - 1
        .globl smc_loop
smc_loop:
        movl 4(%esp), %ecx
        movl $0, loop_add + 1
        xorl %edx, %edx
        movl %edx, %eax
1:
loop_add:
        .byte 0x05                      # ADD EAX, imm32; the assembler would choose the short form
        .long 0
        incl loop_add + 1
        decl %ecx
        jnz 1b
        ret

# u32 smc_flip(u32 count): the loop turns its INC into a DEC and back, every turn
        .globl smc_flip
smc_flip:
        movl 4(%esp), %ecx
        movl $1000, %eax
1:      xorb $0x08, flip                # 40 INC EAX <-> 48 DEC EAX
flip:   incl %eax
        testl $3, %ecx
        jnz 2f
        addl $10, %eax
2:      decl %ecx
        jnz 1b
        movb $0x40, flip
        ret

# u32 smc_alias(u32 value, u32 alias): as smc_ahead, but stores by another address of the same page
        .globl smc_alias
smc_alias:
        movl 4(%esp), %ecx
        movl 8(%esp), %edx
        movl %ecx, (%edx)
        .globl alias_immediate
        .set alias_immediate, aliased + 1
aliased: movl $0x22222222, %eax
        ret

# u32 smc_string(const void *code, u32 count): REP MOVSB puts new instructions where it runs into next
        .globl smc_string
smc_string:
        pushl %esi
        pushl %edi
        movl 12(%esp), %esi
        movl 16(%esp), %ecx
        movl $1f, %edi
        rep movsb
1:      .rept 32
        nop
        .endr
        popl %edi
        popl %esi
        ret

        .globl smc_buffer
        .align 64
smc_buffer:
        .skip 512
        .section .note.GNU-stack, "", @progbits
