import yauzl from 'yauzl';
import { UserError } from '../user-error.ts';
import type { ByteSource } from './byte-source.ts';

/** A stored entry's bytes: `byteLength` of them from `begin` on in the archive. */
export interface ZipEntry {
  readonly begin: number;
  readonly byteLength: number;
}

/** BGE-M3 has 396 entries; torch writes one a storage. */
const MAX_ENTRIES = 16_384;

// In yauzl 3.4's README, not yet in @types/yauzl.
declare module 'yauzl' {
  interface ZipFile {
    readLocalFileHeader(
      entry: Entry,
      options: { minimal: true },
      callback: (error: Error | null, header: { fileDataStart: number }) => void,
    ): void;
  }
}

/**
 * Lists a zip archive in which nothing is compressed, as torch writes it; nothing is ever inflated, so that no archive can grow.
 *
 * @throws UserError if the archive is damaged, or an entry is compressed, encrypted, or there twice.
 */
export async function listStoredEntries(source: ByteSource): Promise<Map<string, ZipEntry>> {
  try {
    return await readEntries(source);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const reason = (error as Error).message.replace(/\p{C}/gu, '?'); // yauzl's messages hold names as they stand
    throw new UserError(`${source.name}: ${reason}`, { cause: error });
  }
}

async function readEntries(source: ByteSource): Promise<Map<string, ZipEntry>> {
  const zip = await openZip(source);
  const refuse = (what: string): never => {
    throw new UserError(`${source.name}: ${what}`);
  };
  if (zip.entryCount > MAX_ENTRIES) refuse(`a zip of ${zip.entryCount} entries, at most ${MAX_ENTRIES} are read`);
  const entries = new Map<string, ZipEntry>();
  for (let i = 0; i < zip.entryCount; i++) {
    const entry = await nextEntry(zip);
    const name = entry.fileName;
    if (entry.compressionMethod !== 0)
      refuse(
        `entry ${JSON.stringify(name)} is compressed (method ${entry.compressionMethod}); torch stores its entries`,
      );
    if (entry.isEncrypted()) refuse(`entry ${JSON.stringify(name)} is encrypted`);
    if (entries.has(name)) refuse(`two entries named ${JSON.stringify(name)}`);
    entries.set(name, { begin: await dataStart(zip, entry), byteLength: entry.uncompressedSize });
  }
  return entries;
}

function openZip(source: ByteSource): Promise<yauzl.ZipFile> {
  const options = { lazyEntries: true, autoClose: false, strictFileNames: true };
  return new Promise((resolve, reject) => {
    yauzl.fromRandomAccessReader(new SourceReader(source), source.byteLength, options, (error, zip) =>
      error ? reject(error) : resolve(zip),
    );
  });
}

function nextEntry(zip: yauzl.ZipFile): Promise<yauzl.Entry> {
  return new Promise((resolve, reject) => {
    zip.once('entry', resolve);
    zip.once('error', reject);
    zip.readEntry();
  }).finally(() => zip.removeAllListeners()) as Promise<yauzl.Entry>;
}

function dataStart(zip: yauzl.ZipFile, entry: yauzl.Entry): Promise<number> {
  return new Promise((resolve, reject) => {
    zip.readLocalFileHeader(entry, { minimal: true }, (error, header) =>
      error ? reject(error) : resolve(header.fileDataStart),
    );
  });
}

/** yauzl's own file reader throws outside every callback when a zip64 field asks for an offset beyond 2^53; this one reports it. */
class SourceReader extends yauzl.RandomAccessReader {
  readonly source: ByteSource;

  constructor(source: ByteSource) {
    super();
    this.source = source;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ) {
    let failure: Error | null = null;
    try {
      this.source.read(position, buffer.subarray(offset, offset + length));
    } catch (error) {
      failure = error as Error;
    }
    setImmediate(callback, failure, length); // yauzl continues inside the callback: not on this stack
  }
}
