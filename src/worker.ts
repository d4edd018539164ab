import { createWorker } from './create-worker.ts';
import { TokenBudgets } from './token-budgets.ts';

const { handler, WorkersAi } = createWorker();

export default handler;
export { TokenBudgets, WorkersAi };
