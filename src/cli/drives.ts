/** The drives of a running machine by QEMU's names: what is in them, changing it, and what a saved machine has to say about it. */
import type { BlockDevice } from '../devices/block-device.js';
import { BlockError } from '../devices/block-device.js';
import { SnapshotImage } from '../devices/images/snapshot.js';
import { SavedStateError } from '../machine.js';
import type { Machine } from './guest.js';
import { IMAGE_FORMATS } from './drive-options.js';
import type { DriveSpec } from './drive-options.js';
import { openDrive } from './host/disk-images.js';
import type { OpenDrive } from './host/disk-images.js';
import { difference, identityOf } from './host/file-identity.js';
import type { FileIdentity } from './host/file-identity.js';
import { chooseValue } from './options.js';
import { CommandError } from './monitor/command-error.js';
import type { DriveInfo } from './monitor/target.js';
import { UsageError, quote } from './usage-error.js';

type Place = Pick<DriveSpec, 'medium' | 'slot'>;

/** What a saved machine remembers of a medium. */
interface SavedMedium {
  readonly name: string;
  readonly path: string;
  readonly files: readonly FileIdentity[];
  /** What `snapshot` keeps in memory, else null. */
  readonly overlay: object | null;
}

export function driveName({ medium, slot }: Place): string {
  if (medium === 'floppy') return `floppy${slot}`;
  return `ide${slot >> 1}-${medium === 'cdrom' ? 'cd' : 'hd'}${slot & 1}`;
}

/** What can be changed in a drive with removable media. */
interface Removable {
  readonly place: Place;
  readonly locked: boolean;
  readonly trayOpen: boolean;
  /** False when the guest has locked the medium in. */
  eject(force: boolean): boolean;
  insert(image: BlockDevice): void;
}

export class Drives {
  readonly #machine: Machine;
  readonly #media = new Map<string, OpenDrive>();
  readonly #removable = new Map<string, Removable>();

  /** `drives`: what the machine was built with; closed by `close`. */
  constructor(machine: Machine, drives: readonly OpenDrive[]) {
    this.#machine = machine;
    for (const drive of drives) this.#media.set(driveName(drive.spec), drive);
    for (const slot of machine.storage.cdroms.keys()) this.#add(this.#cdrom(slot));
    machine.storage.floppy.driveTypes.forEach((type, slot) => {
      if (type !== 0) this.#add(this.#floppy(slot));
    });
  }

  #add(drive: Removable): void {
    this.#removable.set(driveName(drive.place), drive);
  }

  #cdrom(slot: number): Removable {
    const drive = this.#machine.storage.cdroms.get(slot)!;
    return {
      place: { medium: 'cdrom', slot },
      get locked() {
        return drive.locked;
      },
      get trayOpen() {
        return drive.trayOpen;
      },
      eject: (force) => drive.eject(force),
      insert: (image) => drive.insert(image),
    };
  }

  #floppy(slot: number): Removable {
    const { floppy } = this.#machine.storage;
    return {
      place: { medium: 'floppy', slot },
      locked: false,
      trayOpen: false,
      eject: () => {
        floppy.change(slot, undefined);
        return true;
      },
      insert: (image) => floppy.change(slot, image),
    };
  }

  list(): DriveInfo[] {
    const names = [...new Set([...this.#media.keys(), ...this.#removable.keys()])].sort();
    return names.map((name) => {
      const medium = this.#media.get(name);
      const removable = this.#removable.get(name);
      return {
        name,
        path: medium?.spec.path,
        format: medium?.spec.format ?? 'format found',
        readOnly: medium?.image.readOnly ?? false,
        removable: removable !== undefined,
        locked: removable?.locked ?? false,
        trayOpen: removable?.trayOpen ?? false,
      };
    });
  }

  #removableNamed(name: string): Removable {
    const drive = this.#removable.get(name);
    if (drive !== undefined) return drive;
    const known = [...this.#removable.keys()].sort().join(', ');
    throw new CommandError(
      this.#media.has(name)
        ? `${quote(name)}: its medium cannot be taken out`
        : `${quote(name)}: no such drive; expected one of ${known}`,
    );
  }

  /** Throws CommandError. */
  eject(name: string, force: boolean): void {
    const drive = this.#removableNamed(name);
    if (!drive.eject(force))
      throw new CommandError(
        `${quote(name)}: the guest has locked its medium in and is asked for it; -f takes it`,
      );
    this.#media.get(name)?.close();
    this.#media.delete(name);
  }

  /** Throws CommandError; the old medium stays then. */
  change(name: string, path: string, format: string | undefined): void {
    const drive = this.#removableNamed(name);
    const opened = this.#open(drive.place, path, format);
    try {
      this.eject(name, false);
    } catch (error) {
      opened.close();
      throw error;
    }
    drive.insert(opened.image);
    this.#media.set(name, opened);
  }

  #open({ medium, slot }: Place, path: string, format: string | undefined): OpenDrive {
    try {
      return openDrive({
        ...{ label: 'change', medium, slot, path, snapshot: false, readOnly: medium === 'cdrom' },
        format: format === undefined ? undefined : chooseValue('change format', format, IMAGE_FORMATS),
      });
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      throw new CommandError(error.message.replace(/^(?:--)?change (?:format )?/, ''));
    }
  }

  /** Plain data for a saved machine; everything written so far is in the files. Throws CommandError when the host fails. */
  save(): SavedMedium[] {
    return [...this.#media]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, drive]) => savedMedium(name, drive));
  }

  /** Takes over what a saved machine kept in memory. Throws SavedStateError where a medium is missing, too many, or has changed. */
  restore(saved: unknown): void {
    if (!Array.isArray(saved)) throw new SavedStateError('is damaged: it does not say what is in the drives');
    const media = new Map(
      saved.map((medium) => [String((medium as SavedMedium | null)?.name), medium as SavedMedium]),
    );
    for (const [name, { spec }] of this.#media)
      if (!media.has(name))
        throw new SavedStateError(
          `has nothing in ${name}, this machine ${quote(spec.path)}; expected the drives it was saved with`,
        );
    for (const [name, medium] of media) {
      const drive = this.#media.get(name);
      if (drive === undefined)
        throw new SavedStateError(
          `has ${quote(String(medium?.path))} in ${quote(name)}, this machine nothing; expected the drives it was saved with`,
        );
      restoreMedium(name, drive, medium);
    }
  }

  close(): void {
    for (const drive of this.#media.values()) drive.close();
    this.#media.clear();
  }
}

function savedMedium(name: string, { spec, image, files }: OpenDrive): SavedMedium {
  try {
    image.flush();
    const overlay = image instanceof SnapshotImage ? image.overlay : null;
    return { name, path: spec.path, files: files.map(identityOf), overlay };
  } catch (error) {
    if (!(error instanceof BlockError) && (error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new CommandError(
      `${quote(spec.path)}: the host cannot read or write it: ${(error as Error).message}`,
    );
  }
}

function restoreMedium(name: string, { spec, image, files }: OpenDrive, saved: SavedMedium): void {
  const changed = (how: string): SavedStateError =>
    new SavedStateError(`needs ${quote(spec.path)} in ${name} as it was when the machine was saved: ${how}`);
  if (!Array.isArray(saved.files) || saved.files.length !== files.length)
    throw changed('it is made of other files');
  files.forEach((file, i) => {
    const how = difference(saved.files[i], identityOf(file));
    if (how !== undefined)
      throw changed(file === spec.path ? how : `its backing file ${quote(file)}: ${how}`);
  });
  if (image instanceof SnapshotImage !== (saved.overlay !== null))
    throw changed(saved.overlay === null ? 'it was opened without snapshot' : 'it was opened with snapshot');
  if (image instanceof SnapshotImage && !image.adoptOverlay(saved.overlay))
    throw new SavedStateError(`is damaged: what was written to ${name} does not fit the image`);
}
