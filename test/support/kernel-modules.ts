import { readFileSync } from 'node:fs';
import type { KernelModules } from '../../src/kernel/kernel.ts';

const moduleFrom = (name: string) =>
  new WebAssembly.Module(readFileSync(new URL(`../../build/${name}.wasm`, import.meta.url)));

/** Both builds of `assembly/`; `npm install` makes them. */
export const KERNEL_MODULES: KernelModules = { relaxed: moduleFrom('kernel-relaxed'), simd: moduleFrom('kernel-simd') };
