/**
 * Extended grapheme clusters (UAX 29, Unicode 17) as an automaton: one table look-up a character says whether it continues the cluster before it.
 * The class of a character comes from the vocabulary file, so that no Unicode table is shipped with the Worker.
 */
export const GRAPHEME_CLASSES = [
  'other',
  'cr',
  'lf',
  'control',
  /** Extend with InCB=Extend. */
  'extend',
  /** Extend with InCB=None, such as U+200C. */
  'extendOutsideConjunct',
  /** Extend with InCB=Linker: viramas. */
  'linker',
  'zwj',
  'spacingMark',
  'prepend',
  'regionalIndicator',
  'hangulL',
  'hangulV',
  'hangulT',
  'hangulLV',
  'hangulLVT',
  'pictographic',
  /** InCB=Consonant. */
  'consonant',
] as const;

export type GraphemeClass = (typeof GRAPHEME_CLASSES)[number];

export const GRAPHEME_CLASS = Object.fromEntries(GRAPHEME_CLASSES.map((name, index) => [name, index])) as Readonly<
  Record<GraphemeClass, number>
>;

/** What of the text before a character decides whether it continues a cluster. */
const STATES = [
  'start',
  'control',
  'cr',
  'other',
  'prepend',
  'oddIndicator',
  'hangulL',
  'hangulV',
  'hangulT',
  /** Extended_Pictographic Extend* */
  'pictographic',
  /** Extended_Pictographic Extend* ZWJ */
  'pictographicZwj',
  /** A consonant, then InCB=Extend only. */
  'consonant',
  /** A consonant, then InCB=Extend and at least one linker. */
  'linkedConsonant',
] as const;

type State = (typeof STATES)[number];

/** At the start of a text. */
export const GRAPHEME_START = STATES.indexOf('start');
/** Row length of `GRAPHEME_STEPS`. */
export const GRAPHEME_CLASS_BITS = 5;
/** In an entry of `GRAPHEME_STEPS`: the character continues the cluster. */
export const GRAPHEME_JOINS = 0x80;
/** In an entry of `GRAPHEME_STEPS`: the state after the character. */
export const GRAPHEME_STATE = 0x7f;

/** Entry `state << GRAPHEME_CLASS_BITS | class`; classes that do not exist act as `other`. */
export const GRAPHEME_STEPS: Uint8Array = buildSteps();

function buildSteps(): Uint8Array {
  const steps = new Uint8Array(STATES.length << GRAPHEME_CLASS_BITS);
  STATES.forEach((state, row) => {
    for (let column = 0; column < 1 << GRAPHEME_CLASS_BITS; column++) {
      const cls = GRAPHEME_CLASSES[column] ?? 'other';
      steps[(row << GRAPHEME_CLASS_BITS) | column] =
        STATES.indexOf(stateAfter(state, cls)) | (joins(state, cls) ? GRAPHEME_JOINS : 0);
    }
  });
  return steps;
}

function joins(state: State, cls: GraphemeClass): boolean {
  if (state === 'cr') return cls === 'lf'; // GB3
  if (state === 'start' || state === 'control') return false; // GB1, GB4
  switch (cls) {
    case 'cr':
    case 'lf':
    case 'control':
      return false; // GB5
    case 'extend':
    case 'extendOutsideConjunct':
    case 'linker':
    case 'zwj':
    case 'spacingMark':
      return true; // GB9, GB9a
  }
  if (state === 'prepend') return true; // GB9b
  switch (cls) {
    case 'hangulL':
    case 'hangulLV':
    case 'hangulLVT':
      return state === 'hangulL'; // GB6
    case 'hangulV':
      return state === 'hangulL' || state === 'hangulV'; // GB6, GB7
    case 'hangulT':
      return state === 'hangulV' || state === 'hangulT'; // GB7, GB8
    case 'consonant':
      return state === 'linkedConsonant'; // GB9c
    case 'pictographic':
      return state === 'pictographicZwj'; // GB11
    case 'regionalIndicator':
      return state === 'oddIndicator'; // GB12, GB13
  }
  return false; // GB999
}

function stateAfter(state: State, cls: GraphemeClass): State {
  switch (cls) {
    case 'cr':
    case 'prepend':
    case 'hangulL':
    case 'hangulV':
    case 'hangulT':
    case 'pictographic':
    case 'consonant':
      return cls;
    case 'lf':
    case 'control':
      return 'control';
    case 'hangulLV':
      return 'hangulV';
    case 'hangulLVT':
      return 'hangulT';
    case 'regionalIndicator':
      return state === 'oddIndicator' ? 'other' : 'oddIndicator';
    case 'extend':
      return state === 'pictographic' || state === 'consonant' || state === 'linkedConsonant' ? state : 'other';
    case 'extendOutsideConjunct':
      return state === 'pictographic' ? state : 'other';
    case 'linker':
      if (state === 'pictographic') return state;
      return state === 'consonant' || state === 'linkedConsonant' ? 'linkedConsonant' : 'other';
    case 'zwj':
      if (state === 'pictographic') return 'pictographicZwj';
      return state === 'consonant' || state === 'linkedConsonant' ? state : 'other';
    default:
      return 'other';
  }
}
