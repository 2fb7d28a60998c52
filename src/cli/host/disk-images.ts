/** Opens the images that the options name: format, lock, copy-on-write; every failure is a UsageError that names the option and the file. */
import * as fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import { constants, inflateRawSync } from 'node:zlib';
import { BlockError } from '../../devices/block-device.js';
import type { BlockDevice } from '../../devices/block-device.js';
import { FLOPPY_SIZES, floppyFormat } from '../../devices/floppy-media.js';
import { DiskImageError } from '../../devices/images/byte-store.js';
import { Qcow2Image } from '../../devices/images/qcow2.js';
import { RawImage, isQcow2 } from '../../devices/images/raw.js';
import { SnapshotImage } from '../../devices/images/snapshot.js';
import { IMAGE_FORMATS } from '../drive-options.js';
import type { DriveSpec, ImageFormat } from '../drive-options.js';
import { UsageError, quote } from '../usage-error.js';
import { FileStore } from './file-store.js';
import { fileError } from './files.js';
import { LockRefused, lockImage } from './image-lock.js';

/** Of backing files below an image. */
const DEEPEST_CHAIN = 32;
const SECTOR_BYTES = { disk: 512, cdrom: 2048, floppy: 512 } as const;

export interface OpenDrive {
  readonly spec: DriveSpec;
  readonly image: BlockDevice;
  /** Every file that it is made of, itself first. */
  readonly files: readonly string[];
  close(): void;
}

function checkKind(label: string, path: string): void {
  const stat = fs.statSync(path);
  const name = `${label} ${quote(path)}`;
  if (stat.isDirectory()) throw new UsageError(`${name}: is a directory, expected a file`);
  if (!stat.isFile()) throw new UsageError(`${name}: not a regular file`);
  if (stat.size === 0) throw new UsageError(`${name}: the file is empty`);
}

function probe(store: FileStore): ImageFormat {
  const start = new Uint8Array(4);
  store.read(0, start);
  return isQcow2(start) ? 'qcow2' : 'raw';
}

/** Files of the host that one image is made of. */
class Opener {
  readonly closers: (() => void)[] = [];
  readonly files: string[] = [];
  private readonly spec: DriveSpec;

  constructor(spec: DriveSpec) {
    this.spec = spec;
  }

  open(path: string, format: ImageFormat | undefined, readOnly: boolean, depth = 0): BlockDevice {
    const store = new FileStore(path, readOnly);
    this.files.push(path);
    this.closers.unshift(() => store.close());
    if ((format ?? probe(store)) === 'qcow2') return this.openQcow2(store, path, depth);
    return new RawImage(store, {
      sectorBytes: SECTOR_BYTES[this.spec.medium],
      guarded: format === undefined,
    });
  }

  private openQcow2(store: FileStore, path: string, depth: number): BlockDevice {
    try {
      return new Qcow2Image(store, {
        inflateRaw,
        openBacking: (name, format) => this.openBacking(path, name, format, depth + 1),
      });
    } catch (error) {
      if (!(error instanceof DiskImageError)) throw error;
      throw new UsageError(`${this.spec.label} ${quote(path)}: ${error.message}`, { cause: error });
    }
  }

  /** Relative names start at the directory of the image that names them. */
  private openBacking(image: string, name: string, format: string | undefined, depth: number): BlockDevice {
    const what = `has the backing file ${quote(name)}`;
    if (depth > DEEPEST_CHAIN)
      throw new DiskImageError(`is the end of ${DEEPEST_CHAIN} backing files; a loop?`);
    if (format !== undefined && !isFormat(format))
      throw new DiskImageError(
        `${what} in the format ${quote(format)}, expected ${IMAGE_FORMATS.join(' or ')}`,
      );
    const plain = name.replace(/^file:/, '');
    if (/^[a-z][a-z0-9+.-]*:/i.test(plain)) throw new DiskImageError(`${what}, expected the name of a file`);
    const path = resolve(dirname(image), plain);
    try {
      checkKind(this.spec.label, path);
      return this.open(path, format, true, depth);
    } catch (error) {
      throw error instanceof UsageError
        ? error
        : fileError(`${this.spec.label} ${quote(image)}: backing file`, path, error);
    }
  }
}

/** Node's zlib ignores what follows the stream; it throws when the result would be longer. */
function inflateRaw(bytes: Uint8Array, most: number): Uint8Array {
  return inflateRawSync(bytes, { maxOutputLength: most, finishFlush: constants.Z_SYNC_FLUSH });
}

const isFormat = (format: string): format is ImageFormat => IMAGE_FORMATS.some((known) => known === format);

function open(spec: DriveSpec): OpenDrive {
  checkKind(spec.label, spec.path);
  const opener = new Opener(spec);
  const close = (): void => opener.closers.splice(0).forEach((closer) => closer());
  try {
    const readOnly = spec.readOnly || spec.snapshot;
    if (!readOnly) opener.closers.push(lockImage(spec.path).release);
    const image = opener.open(spec.path, spec.format, readOnly);
    if (spec.medium === 'floppy' && floppyFormat(image.size) === undefined)
      throw new UsageError(
        `${spec.label} ${quote(spec.path)}: ${image.size} bytes, expected ${FLOPPY_SIZES}`,
      );
    const { files } = opener;
    return { spec, image: spec.snapshot && !spec.readOnly ? new SnapshotImage(image) : image, files, close };
  } catch (error) {
    close();
    throw error;
  }
}

export function openDrive(spec: DriveSpec): OpenDrive {
  try {
    return open(spec);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if (error instanceof LockRefused)
      throw new UsageError(
        `${spec.label} ${quote(spec.path)}: ${error.message}; expected an image of its own`,
        {
          cause: error,
        },
      );
    if (error instanceof BlockError)
      throw new UsageError(`${spec.label} ${quote(spec.path)}: ${error.message}`, { cause: error });
    throw fileError(spec.label, spec.path, error);
  }
}

/** All or none. */
export function openDrives(specs: readonly DriveSpec[]): OpenDrive[] {
  const drives: OpenDrive[] = [];
  try {
    for (const spec of specs) drives.push(openDrive(spec));
    return drives;
  } catch (error) {
    for (const drive of drives) drive.close();
    throw error;
  }
}

/** For machines that are compared: each writes to a copy of its own, over one file that none of them writes. */
export function onlyRead(spec: DriveSpec): DriveSpec {
  return { ...spec, readOnly: true, snapshot: false };
}
export function copyOnWrite({ spec, image }: OpenDrive): Pick<OpenDrive, 'spec' | 'image'> {
  return { spec, image: spec.medium === 'cdrom' ? image : new SnapshotImage(image) };
}
