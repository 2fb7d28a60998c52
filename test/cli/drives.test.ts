/** The options for disks, CDs and floppies: which file goes into which drive, and what is said about files that cannot. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { DRIVE_OPTIONS, driveSpecs } from '../../src/cli/drive-options.js';
import type { DriveSpec } from '../../src/cli/drive-options.js';
import { openDrive, openDrives } from '../../src/cli/host/disk-images.js';
import { parseArguments } from '../../src/cli/options.js';
import { UsageError } from '../../src/cli/usage-error.js';
import { makeQcow2 } from '../devices/images/memory-store.js';
import { Scratch } from './hvm.js';

const scratch = new Scratch();
afterAll(() => scratch.remove());
const specs = (...args: string[]): DriveSpec[] =>
  driveSpecs(parseArguments(args, { name: 'run', usage: '', options: DRIVE_OPTIONS }));
const places = (...args: string[]): string[] =>
  specs(...args)
    .map(({ medium, slot, path }) => `${medium} ${slot} ${path}`)
    .sort();

describe('options', () => {
  it('put media where QEMU puts them', () => {
    expect(places('-hda', 'a', '-hdb', 'b', '-cdrom', 'c', '-hdd', 'd', '-fda', 'f', '-fdb', 'g')).toEqual([
      'cdrom 2 c',
      'disk 0 a',
      'disk 1 b',
      'disk 3 d',
      'floppy 0 f',
      'floppy 1 g',
    ]);
    expect(places('-drive', 'file=x,if=ide,index=3,media=cdrom', '-drive', 'file=y')).toEqual([
      'cdrom 3 x',
      'disk 0 y',
    ]);
    expect(places('-drive', 'file=f,if=floppy')).toEqual(['floppy 0 f']);
    expect(places('-drive', 'file=x,bus=1,unit=1,id=d0,cache=none,aio=threads,discard=unmap')).toEqual([
      'disk 3 x',
    ]);
    expect(places('-drive', 'if=floppy,unit=1,file=f')).toEqual(['floppy 1 f']);
  });
  it('fill the free places in order', () => {
    expect(places('--disk', 'a', '--cdrom', 'c', '--disk', 'b', '--disk', 'd', '--floppy', 'f')).toEqual([
      'cdrom 2 c',
      'disk 0 a',
      'disk 1 b',
      'disk 3 d',
      'floppy 0 f',
    ]);
  });
  it('carry format, snapshot and readonly', () => {
    expect(specs('--disk', 'a,,b,format=qcow2,snapshot')[0]).toMatchObject({
      path: 'a,b',
      format: 'qcow2',
      snapshot: true,
      readOnly: false,
    });
    expect(specs('--disk', 'a,readonly')[0]).toMatchObject({ readOnly: true, format: undefined });
    expect(specs('--drive', 'file=a,snapshot=on,readonly=off')[0]).toMatchObject({ snapshot: true });
    expect(specs('--cdrom', 'a', '--snapshot')[0]).toMatchObject({ readOnly: true, snapshot: true });
  });
  it.each([
    [['--disk', ''], /--disk '': expected a file name/],
    [['--disk', 'a,format=vmdk'], /--disk 'a,format=vmdk': expected format=raw\|qcow2/],
    [['--disk', 'a,cache=none'], /not 'cache'/],
    [['--drive', 'format=raw'], /expected file=FILE/],
    [['--drive', 'file=a,index=4'], /expected index=0 to 3/],
    [['--drive', 'file=a,bus=2'], /expected bus=0 to 1/],
    [['--drive', 'file=a,index=1,unit=1'], /expected index, or bus and unit/],
    [['--drive', 'file=a,if=floppy,index=2'], /expected index=0 to 1/],
    [['--drive', 'file=a,if=scsi'], /expected if=ide\|floppy/],
    [['--hda', 'a', '--drive', 'file=b,index=0'], /'b': no such drive is free; 'a' is in it/],
    [['-fda', 'a', '-fdb', 'b', '--floppy', 'c'], /--floppy 'c': no such drive is free/],
    [['--disk', '1', '--disk', '2', '--disk', '3', '--disk', '4', '--disk', '5'], /'5': no such drive/],
  ] as const)('refuse %j', (args, message) => {
    expect(() => specs(...args)).toThrow(message);
    expect(() => specs(...args)).toThrow(UsageError);
  });
});

describe('files', () => {
  const open = (path: string, more = ''): ReturnType<typeof openDrive> =>
    openDrive(specs('--disk', `${path.replaceAll(',', ',,')}${more}`)[0]!);
  const sector = new Uint8Array(512).fill(7);

  it('are written, flushed and unlocked', () => {
    const path = scratch.write('raw.img', new Uint8Array(2048));
    const drive = open(path);
    drive.image.write(512, sector);
    drive.image.flush();
    expect(readFileSync(path).subarray(512, 1024)).toEqual(Buffer.from(sector));
    expect(() => open(path)).toThrow(/raw\.img': is in use for writing/);
    open(path, ',readonly').close();
    open(path, ',snapshot').close();
    drive.close();
    open(path).close();
  });
  it('are left alone by snapshots', () => {
    const path = scratch.write('snapshot.img', new Uint8Array(1024));
    const drive = open(path, ',snapshot');
    drive.image.write(0, sector);
    const back = new Uint8Array(512);
    drive.image.read(0, back);
    expect(back).toEqual(sector);
    drive.close();
    expect(readFileSync(path)).toEqual(Buffer.alloc(1024));
  });
  it('are qcow2 when they say so, with backing files beside them', () => {
    mkdirSync(join(scratch.path, 'sub'));
    scratch.write('sub/base.img', new Uint8Array(1024).fill(5));
    const path = scratch.write('sub/top.qcow2', makeQcow2({ size: 2048, backing: 'base.img' }));
    const drive = open(path);
    const back = new Uint8Array(2048);
    drive.image.read(0, back);
    expect([back[0], back[1023], back[1024]]).toEqual([5, 5, 0]);
    drive.close();
    const raw = open(path, ',format=raw,snapshot');
    raw.image.read(0, back);
    expect(back[0]).toBe(0x51);
    raw.close();
  });
  it('with a bomb for a compressed cluster are read errors', () => {
    const bomb = deflateRawSync(new Uint8Array(1 << 20));
    const path = scratch.write(
      'bomb.qcow2',
      makeQcow2({ size: 2048, clusters: [{ index: 0, bytes: new Uint8Array(512), packed: true }] }),
    );
    const bytes = readFileSync(path);
    bytes.set(bomb.subarray(0, 400), bytes.length - 512 + 8);
    const drive = open(scratch.write('bomb.qcow2', bytes), ',readonly');
    expect(() => drive.image.read(0, new Uint8Array(512))).toThrow(/cannot be decompressed/);
    drive.close();
  });
  it.each([
    ['missing', () => join(scratch.path, 'missing'), /missing': no such file/],
    ['directories', () => scratch.path, /is a directory, expected a file/],
    ['devices', () => '/dev/null', /not a regular file/],
    ['empty', () => scratch.write('empty', ''), /the file is empty/],
    [
      'in a loop of backing files',
      () => scratch.write('loop', makeQcow2({ size: 2048, backing: 'loop' })),
      /a loop\?/,
    ],
    [
      'with a backing file that is missing',
      () => scratch.write('orphan', makeQcow2({ size: 2048, backing: 'gone' })),
      /orphan': backing file '.*gone': no such file/,
    ],
    [
      'with a backing file that is no file',
      () => scratch.write('remote', makeQcow2({ size: 2048, backing: 'nbd://host/x' })),
      /backing file 'nbd:\/\/host\/x', expected the name of a file/,
    ],
    [
      'damaged',
      () => scratch.write('short', makeQcow2({ size: 2048 }).slice(0, 600)),
      /ends before its L1 table/,
    ],
  ])('%s are one line', (_, path, message) => {
    const name = path();
    expect(() => open(name)).toThrow(message);
    expect(() => open(name)).toThrow(UsageError);
  });
  it('open all or none', () => {
    const path = scratch.write('one.img', new Uint8Array(512));
    expect(() => openDrives(specs('--disk', path, '--disk', join(scratch.path, 'none')))).toThrow(/none/);
    open(path).close();
  });
});
