import { describe, expect, it } from 'vitest';
import { memoryByteSource } from '../../../cli/checkpoint/byte-source.ts';
import { PICKLE_LIMITS } from '../../../cli/checkpoint/pickle-values.ts';
import { openTorchZip } from '../../../cli/checkpoint/torch-zip.ts';
import { UserError } from '../../../cli/user-error.ts';
import { floatBytes, op, type PickledTensor, torchFile, torchPickle, zipFile } from './builders.ts';

const open = (bytes: Uint8Array) => openTorchZip(memoryByteSource(bytes, 'x.bin'));
const six = floatBytes([1, 2, 3, 4, 5, 6]);
const tensor: PickledTensor = { name: 'a', shape: [3, 2] };
const fileOf = (fields: Partial<PickledTensor> = {}, storages = [six]) =>
  torchFile(torchPickle([{ ...tensor, ...fields }]), storages);
const pickled = (...opcodes: Uint8Array[]) => torchFile(Buffer.concat([op.proto(), ...opcodes]), [six]);

describe('openTorchZip', () => {
  it('reads the rows of a tensor that begins inside a shared storage', async () => {
    const checkpoint = await open(fileOf({ shape: [2, 2], offset: 2, elementCount: 6 }));
    const into = new Float32Array(2);
    checkpoint.readRows('a', 1, 1, into);
    expect([...into]).toEqual([5, 6]);
  });

  it('reads a state_dict that is an OrderedDict with module versions, and parameters', async () => {
    const empty = [op.global('collections', 'OrderedDict'), op.emptyTuple, op.reduce];
    const [, , , ...rebuilt] = splitTorchPickle();
    const parameter = [
      op.global('torch._utils', '_rebuild_parameter'),
      op.mark,
      ...rebuilt,
      op.newFalse,
      ...empty,
      op.tuple,
      op.reduce,
    ];
    const metadata = [op.emptyDict, op.mark, op.text('_metadata'), ...empty, op.setItems, op.build];
    const file = pickled(...empty, op.mark, op.text('a'), ...parameter, op.setItems, ...metadata, op.stop);
    expect((await open(file)).tensors.get('a')).toMatchObject({ type: 'F32', shape: [3, 2] });
  });

  it('reads a zip64 archive, as files beyond 4 GB are', async () => {
    const directoryOffset = BigInt(Buffer.from(fileOf()).readUInt32LE(fileOf().length - 6));
    expect((await open(zip64Directory(directoryOffset, 2n))).tensors.get('a')?.shape).toEqual([3, 2]);
  });

  // `[what, file, the reason it is refused with]`.
  const hostilePickles: readonly (readonly [string, Uint8Array, RegExp])[] = [
    [
      'os.system',
      pickled(op.global('os', 'system'), op.mark, op.text('touch owned'), op.tuple, op.reduce, op.stop),
      /refused global "os\.system"/,
    ],
    ['eval', pickled(op.global('builtins', 'eval'), op.stop), /refused global "builtins\.eval"/],
    [
      'a rebuilder of other tensors',
      pickled(op.global('torch._utils', '_rebuild_sparse_tensor'), op.stop),
      /_rebuild_sparse_tensor/,
    ],
    ['float64', fileOf({ storage: 'DoubleStorage' }), /refused global "torch\.DoubleStorage"/],
    [
      'a global put together on the stack',
      pickled(op.text('posix'), op.text('system'), Buffer.from([0x93]), op.stop),
      /"posix\.system"/,
    ],
    ['INST', pickled(op.mark, Buffer.from('ios\nsystem\n'), op.stop), /refused opcode 0x69/],
    ['OBJ', pickled(op.mark, Buffer.from('o'), op.stop), /refused opcode 0x6f/],
    ['NEWOBJ', pickled(Buffer.from([0x81]), op.stop), /refused opcode 0x81/],
    ['EXT1', pickled(Buffer.from([0x82, 1]), op.stop), /refused opcode 0x82/],
    [
      'calling a storage class',
      pickled(op.global('torch', 'FloatStorage'), op.emptyTuple, op.reduce, op.stop),
      /a call of torch\.FloatStorage/,
    ],
    ['calling a string', pickled(op.text('f'), op.emptyTuple, op.reduce, op.stop), /a call of "f"/],
    [
      'an OrderedDict with arguments',
      pickled(op.global('collections', 'OrderedDict'), op.mark, op.int(1), op.tuple, op.reduce),
      /with arguments/,
    ],
    ['state for a string', pickled(op.text('a'), op.emptyDict, op.build, op.stop), /state was set on "a"/],
    [
      'a dictionary of other things',
      pickled(op.emptyDict, op.mark, op.text('epoch'), op.int(3), op.setItems, op.stop),
      /"epoch" holds 3, wanted a tensor/,
    ],
    ['no dictionary at all', pickled(op.int(3), op.stop), /holds 3, wanted a dictionary/],
    ['protocol 0', torchFile(Buffer.from('(dp0\n.'), [six]), /refused opcode 0x64/],
    ['protocol 9', torchFile(op.proto(9), [six]), /protocol 9/],
    ['a pickle without STOP', pickled(op.emptyDict), /ends inside an instruction/],
    ['bytes after STOP', pickled(op.emptyDict, op.stop, op.stop), /1 bytes after the end/],
    ['POP below the bottom', pickled(op.setItems), /no mark/],
    ['taking from below a mark', pickled(op.emptyDict, op.mark, op.text('a'), Buffer.from('s')), /empty stack/],
    ['a memo that was never written', pickled(Buffer.from([0x68, 7])), /memo 7 was never written/],
    ['endless marks', pickled(Buffer.alloc(1000, '(')), /nesting deeper than 64/],
    ['an endless stack', pickled(Buffer.alloc(PICKLE_LIMITS.stackDepth + 1, ')')), /values on the stack/],
    [
      'endless instructions',
      pickled(Buffer.alloc(PICKLE_LIMITS.instructions * 2, Buffer.from([0x80, 2]))),
      /instructions/,
    ],
    ['an oversized pickle', torchFile(Buffer.alloc(PICKLE_LIMITS.bytes + 1), [six]), /at most 4194304 are read/],
    ['a string of 4 GB', pickled(Buffer.from('X\xff\xff\xff\xff', 'latin1')), /a string of 4294967295 bytes/],
    ['a string that is not UTF-8', pickled(Buffer.from('X\x01\x00\x00\x00\xff', 'latin1')), /not UTF-8/],
    ['an integer of 255 bytes', pickled(Buffer.from([0x8a, 255])), /integer of 255 bytes/],
    [
      'a tensor beyond its storage',
      fileOf({ shape: [3, 2], offset: 1, elementCount: 6 }),
      /elements 1 to 7 of a storage of 6/,
    ],
    ['a storage longer than its entry', fileOf({ elementCount: 7 }), /storage 0 has 24 bytes, wanted 7 x 4/],
    ['a storage that is not there', fileOf({ key: '9' }), /no storage 9/],
    ['a storage key with a path', fileOf({ key: '../0' }), /storage key "\.\.\/0"/],
    ['a transposed tensor', fileOf({ strides: [1, 3] }), /strides \[1,3\] for shape \[3,2\] are not row-major/],
    ['broadcast strides', fileOf({ shape: [1000, 1000], strides: [0, 0], elementCount: 6 }), /not row-major/],
    ['a negative offset', fileOf({ offset: -1 }), /not whole numbers/],
    ['a negative dimension', fileOf({ shape: [-3, -2] }), /not whole numbers/],
    ['a key that is there twice', torchFile(torchPickle([tensor, tensor]), [six]), /duplicate key "a"/],
    ['a file from before torch 1.6', Buffer.from('80028a0a6cfc9c46f920', 'hex'), /before 1\.6.*save it again/],
    ['a gzip', Buffer.from('1f8b0800', 'hex'), /not a zip/],
    ['an empty file', new Uint8Array(0), /not a zip/],
    [
      'a big-endian file',
      zipFile([
        { name: 'm/data.pkl', bytes: torchPickle([]) },
        { name: 'm/byteorder', bytes: Buffer.from('big') },
      ]),
      /byte order/,
    ],
    [
      'two pickles',
      zipFile([
        { name: 'a/data.pkl', bytes: torchPickle([]) },
        { name: 'b/data.pkl', bytes: torchPickle([]) },
      ]),
      /2 entries named/,
    ],
    ['no pickle', zipFile([{ name: 'm/other', bytes: six }]), /0 entries named/],
  ];
  it.each(hostilePickles)('F58: refuses %s', expectRefusal);

  const hostileZips: typeof hostilePickles = [
    [
      'a compressed entry (a bomb)',
      zipFile([{ name: 'm/data.pkl', bytes: six, method: 8, uncompressedSize: 2 ** 31 }]),
      /is compressed/,
    ],
    [
      'a stored entry of two lengths',
      zipFile([{ name: 'm/data.pkl', bytes: six, uncompressedSize: 2 ** 31 }]),
      /size mismatch/,
    ],
    ['a path out of the archive', zipFile([{ name: '../m/data.pkl', bytes: six }]), /invalid relative path/],
    ['an absolute path', zipFile([{ name: '/m/data.pkl', bytes: six }]), /absolute path/],
    [
      'two entries of one name',
      zipFile([
        { name: 'm/data/0', bytes: six },
        { name: 'm/data/0', bytes: six },
      ]),
      /two entries named/,
    ],
    ['a truncated download', fileOf().subarray(0, -30), /[Ee]nd of central directory/],
    ['a zip64 offset of 2^64', zip64At(2n ** 64n - 1n), /bytes 18446744073709552000 to/],
    ['2^63 entries', zip64Directory(0n, 2n ** 63n), /a zip of 9223372036854776000 entries/],
    ['a zip64 directory at 2^63', zip64Directory(2n ** 63n), /bytes 9223372036854776000 to/],
  ];
  it.each(hostileZips)('F62: refuses %s', expectRefusal);
});

async function expectRefusal(_: string, bytes: Uint8Array, reason: RegExp): Promise<void> {
  await expect(open(bytes)).rejects.toThrow(UserError);
  await expect(open(bytes)).rejects.toThrow(reason);
}

/** The opcodes of a state_dict of one tensor: proto, dict and mark, then the tensor's. */
function splitTorchPickle(): Uint8Array[] {
  const bytes = torchPickle([tensor]);
  const head = Buffer.concat([op.proto(), op.emptyDict, op.mark, op.text('a')]).length;
  return [op.proto(), op.emptyDict, op.mark, bytes.subarray(head, bytes.length - 2)];
}

/** An archive whose zip64 end record is said to lie at `offset`. */
function zip64At(offset: bigint): Uint8Array {
  const file = Buffer.from(fileOf());
  const locator = Buffer.alloc(20);
  locator.write('PK\x06\x07', 'latin1');
  locator.writeBigUInt64LE(offset, 8);
  return Buffer.concat([file.subarray(0, -22), locator, file.subarray(-22)]);
}

/** An archive whose zip64 end record puts the central directory at `offset`. */
function zip64Directory(offset: bigint, entryCount = 1n): Uint8Array {
  const file = Buffer.from(fileOf());
  const record = Buffer.alloc(56);
  record.write('PK\x06\x06', 'latin1');
  record.writeBigUInt64LE(entryCount, 32);
  record.writeBigUInt64LE(offset, 48);
  const locator = Buffer.alloc(20);
  locator.write('PK\x06\x07', 'latin1');
  locator.writeBigUInt64LE(BigInt(file.length - 22), 8);
  return Buffer.concat([file.subarray(0, -22), record, locator, file.subarray(-22)]);
}
