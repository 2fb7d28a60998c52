/** Guest-physical memory as a bus master sees it. */

export interface GuestMemory {
  /**
   * Copies guest-physical bytes from `address` (uint32) into `into`. Bytes that are not RAM read 0xff: a bus master that is pointed at nothing reads what an idle bus
   * reads. Never throws for an address.
   */
  read(address: number, into: Uint8Array): void;
  /** Copies `bytes` to guest-physical `address`; bytes that fall on ROM or on no RAM are lost. Translated code in the way is invalidated. Never throws for an address. */
  write(address: number, bytes: Uint8Array): void;
}
