import worker from '../../../src/worker.ts';
import { hooks, realNow } from './hooks.ts';

/** The project's Worker, with a door for tests under /test-hooks. */
export default {
  ...worker,
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (!pathname.startsWith('/test-hooks')) {
      hooks.requests++;
      return worker.fetch!(request as never, env, ctx);
    }
    if (searchParams.has('trap')) hooks.trapNext = true;
    if (searchParams.has('stop')) hooks.stoppedAt = realNow();
    hooks.clockAheadMs += Number(searchParams.get('later') ?? 0);
    return Response.json({
      instances: hooks.instances,
      requests: hooks.requests,
      memoryBytes: hooks.memories.map((memory) => memory.deref()?.buffer.byteLength ?? 0),
    });
  },
} satisfies ExportedHandler<Env>;
