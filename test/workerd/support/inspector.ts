/** What V8 says of the isolate, in bytes. */
export interface HeapUsage {
  readonly usedSize: number;
  readonly totalSize: number;
  /** Objects of the embedder's, such as streams and requests. */
  readonly embedderHeapUsedSize: number;
  /** ArrayBuffers and wasm memories. */
  readonly backingStorageSize: number;
}

export interface Inspector {
  heapUsage(): Promise<HeapUsage>;
  close(): void;
}

/** Speaks the Chrome DevTools protocol with the one isolate of a workerd, which answers few of its methods: none that collects garbage. */
export async function openInspector(port: number): Promise<Inspector> {
  const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as { webSocketDebuggerUrl: string }[];
  const socket = new WebSocket(targets[0]!.webSocketDebuggerUrl);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const waiting = new Map<number, (result: unknown) => void>();
  socket.onmessage = ({ data }) => {
    const { id, result, error } = JSON.parse(String(data));
    waiting.get(id)?.(error ? Promise.reject(new Error(error.message)) : result);
    waiting.delete(id);
  };
  let calls = 0;
  const call = (method: string) =>
    new Promise((resolve) => {
      waiting.set(++calls, resolve);
      socket.send(JSON.stringify({ id: calls, method }));
    });
  return {
    heapUsage: async () => (await call('Runtime.getHeapUsage')) as HeapUsage,
    close: () => socket.close(),
  };
}
