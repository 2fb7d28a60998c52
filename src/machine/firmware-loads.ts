/** What the built-in firmware leaves in memory below 1 MiB and in the processor: ROM, tables, the data area, memory types. */
import { ACPI_BASE, acpiTables } from '../firmware/acpi.js';
import { biosData } from '../firmware/bios-data.js';
import { ROM_SEGMENT } from '../firmware/bios/rom.js';
import type { BootLoad } from '../firmware/boot-image.js';
import { mpTable } from '../firmware/mp-table.js';
import { memoryTypes } from '../firmware/mtrr.js';
import { pirTable } from '../firmware/pir-table.js';
import { smbiosTables } from '../firmware/smbios.js';
import { ACPI_DISABLE, ACPI_ENABLE, PM_BASE, SLEEP_TYPE_S5, SMI_COMMAND_PORT } from '../hv/pm.js';
import { REG_CENTURY } from '../hv/rtc.js';
import { hasFeature } from '../runtime/cpu-models.js';
import type { Cpu } from '../runtime/state.js';
import { APIC_TABLES } from './interrupts.js';

const SCI_IRQ = 9,
  COM1 = 0x3f8;
const ROM_ADDRESS = ROM_SEGMENT * 16;
/** In the part of the ROM that has no code, where systems look for them. */
const PIR_ADDRESS = ROM_ADDRESS + 0x1000,
  MP_ADDRESS = ROM_ADDRESS + 0x2000,
  SMBIOS_ADDRESS = ROM_ADDRESS + 0x3000;

export interface FirmwareParts {
  readonly rom: Uint8Array;
  readonly ramBytes: number;
  readonly apic: boolean;
}

export function firmwareLoads(cpu: Cpu, { rom, ramBytes, apic }: FirmwareParts): BootLoad[] {
  const tables = acpiTables({
    pmBase: PM_BASE,
    smiCommand: SMI_COMMAND_PORT,
    acpiEnable: ACPI_ENABLE,
    acpiDisable: ACPI_DISABLE,
    sci: SCI_IRQ,
    sleepTypeS5: SLEEP_TYPE_S5,
    century: REG_CENTURY,
    apic: apic ? APIC_TABLES : undefined,
  });
  const [signature, , , features] = cpu.model.cpuid(1, 0, cpu);
  const identity = { signature, features };
  return [
    { address: ROM_ADDRESS, bytes: rom },
    { address: PIR_ADDRESS, bytes: pirTable() },
    ...(apic ? [{ address: MP_ADDRESS, bytes: mpTable(APIC_TABLES, identity, MP_ADDRESS) }] : []),
    { address: SMBIOS_ADDRESS, bytes: smbiosTables(ramBytes, identity, SMBIOS_ADDRESS) },
    { address: ACPI_BASE, bytes: tables },
    ...biosData(COM1),
  ];
}

/** Where the processor has range registers; caches are on from here. */
export function setMemoryTypes(cpu: Cpu): void {
  if (!hasFeature(cpu, 'MTRR')) return;
  for (const { index, low, high } of memoryTypes()) cpu.msr.set(index, [low, high]);
}
