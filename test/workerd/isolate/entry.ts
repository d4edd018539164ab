import worker from '../../../src/worker.ts';
import { hooks } from './hooks.ts';

/** The project's Worker, with a door for tests under /test-hooks. */
export default {
  ...worker,
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (!pathname.startsWith('/test-hooks')) return worker.fetch!(request as never, env, ctx);
    if (searchParams.has('trap')) hooks.trapNext = true;
    hooks.clockAheadMs += Number(searchParams.get('later') ?? 0);
    return Response.json({
      instances: hooks.instances,
      memoryBytes: hooks.memories.map((memory) => memory.deref()?.buffer.byteLength ?? 0),
    });
  },
} satisfies ExportedHandler<Env>;
