import type { Parts } from '../check.ts';
import { checkGathering } from '../streaming/gathering.ts';
import { checkMemory } from '../streaming/memory.ts';
import { checkOverlap } from '../streaming/overlap.ts';
import { checkQuery } from '../streaming/query.ts';
import { checkResidentSet } from '../streaming/resident-set.ts';

/** Full-size models of random weights in raw `workerd serve`, the shards in another process. */
export const parts: Parts = {
  'memory-q8': () => checkMemory('q8'),
  'memory-q4': () => checkMemory('q4'),
  'resident-set': checkResidentSet,
  'overlap-q8': () => checkOverlap('q8'),
  'overlap-q4': () => checkOverlap('q4'),
  gathering: checkGathering,
  query: checkQuery,
};
