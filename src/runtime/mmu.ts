/** Signature contract (being implemented): page walks, TLB, tracked writes. See docs/contracts. */
