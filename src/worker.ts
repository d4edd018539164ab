import { createWorker } from './create-worker.ts';
import { TokenBudgets } from './token-budgets.ts';

export default createWorker();
export { TokenBudgets };
