import type { Publication } from './publication.ts';

/**
 * What others have published of BAAI/bge-m3's outputs, with the digits they printed. Numbers and texts alone; each publication names its source.
 */

const QUESTIONS = ['What is BGE M3?', 'Defination of BM25'] as const;
/** As vLLM spells the second one. */
const VLLM_QUESTIONS = ['What is BGE M3?', 'Definition of BM25'] as const;
const PASSAGES = [
  'BGE M3 is an embedding model supporting dense retrieval, lexical matching and multi-vector interaction.',
  'BM25 is a bag-of-words retrieval function that ranks a set of documents based on the query terms appearing in each document',
] as const;
const FASTEMBED_TEXTS = [
  'fastembed-rs is licensed under Apache  2.0',
  'Superman is the best superhero of all time',
] as const;

/** All pairs of two questions and two passages, the questions outside. */
const ALL_PAIRS = [
  [QUESTIONS[0], PASSAGES[0]],
  [QUESTIONS[0], PASSAGES[1]],
  [QUESTIONS[1], PASSAGES[0]],
  [QUESTIONS[1], PASSAGES[1]],
] as const;
const VLLM_PAIRS = [
  [VLLM_QUESTIONS[0], PASSAGES[0]],
  [VLLM_QUESTIONS[0], PASSAGES[1]],
  [VLLM_QUESTIONS[1], PASSAGES[0]],
  [VLLM_QUESTIONS[1], PASSAGES[1]],
] as const;
/** Question with its own passage, and with the other one's. */
const OWN_PAIRS = [ALL_PAIRS[0], ALL_PAIRS[3]] as const;
const CROSSED_PAIRS = [ALL_PAIRS[2], ALL_PAIRS[1]] as const;

const FLAG_EMBEDDING = 'https://github.com/FlagOpen/FlagEmbedding/blob/7ed43d67ec03fbe5c31c0992dbfa941fb1860549';
const VLLM = 'https://github.com/vllm-project/vllm/blob/260e1c7f1dfcd50f5b0c6c6b53222172ed799c01';
const FASTEMBED = 'https://github.com/Anush008/fastembed-rs/blob/045d59182819dd9145b762685e14c25868b6b0b3';

export const BGE_M3_PUBLISHED: readonly Publication[] = [
  {
    name: 'FlagEmbedding, README',
    source: `${FLAG_EMBEDDING}/research/BGE_M3/README.md`,
    arithmetic: 'fp16',
    values: [
      { kind: 'scores', mode: 'dense', pairs: ALL_PAIRS, values: [0.6265, 0.3477, 0.3499, 0.678] },
      {
        kind: 'weights',
        text: QUESTIONS[0],
        pieces: { What: 0.08356, is: 0.0814, B: 0.1296, GE: 0.252, M: 0.1702, '3': 0.2695, '?': 0.04092 },
      },
      {
        kind: 'weights',
        text: QUESTIONS[1],
        pieces: { De: 0.05005, fin: 0.1368, ation: 0.04498, of: 0.0633, BM: 0.2515, '25': 0.3335 },
      },
      { kind: 'scores', mode: 'sparse', pairs: [ALL_PAIRS[0]], values: [0.19554901123046875] },
      { kind: 'scores', mode: 'sparse', pairs: [QUESTIONS], values: [0.0] },
      { kind: 'scores', mode: 'colbert', pairs: [ALL_PAIRS[0], ALL_PAIRS[1]], values: [0.7797, 0.462] },
      {
        kind: 'scores',
        mode: 'colbert',
        pairs: ALL_PAIRS,
        values: [0.7796499729156494, 0.4621465802192688, 0.4523794651031494, 0.7898575067520142],
        weights: [0.4, 0.2, 0.4],
      },
      {
        kind: 'scores',
        mode: 'sparse',
        pairs: ALL_PAIRS,
        values: [0.195556640625, 0.00879669189453125, 0.0, 0.1802978515625],
        weights: [0.4, 0.2, 0.4],
      },
      {
        kind: 'scores',
        mode: 'dense',
        pairs: ALL_PAIRS,
        values: [0.6259765625, 0.347412109375, 0.349853515625, 0.67822265625],
        weights: [0.4, 0.2, 0.4],
      },
      {
        kind: 'scores',
        mode: 'sparse+dense',
        pairs: ALL_PAIRS,
        values: [0.482503205537796, 0.23454029858112335, 0.2332356721162796, 0.5122477412223816],
        weights: [0.4, 0.2, 0.4],
      },
      {
        kind: 'scores',
        mode: 'colbert+sparse+dense',
        pairs: ALL_PAIRS,
        values: [0.6013619303703308, 0.3255828022956848, 0.32089319825172424, 0.6232916116714478],
        weights: [0.4, 0.2, 0.4],
      },
    ],
  },
  {
    name: 'FlagEmbedding, tutorial 1.2.4',
    source: `${FLAG_EMBEDDING}/Tutorials/1_Embedding/1.2.4_BGE-M3.ipynb`,
    arithmetic: 'fp32',
    values: [
      { kind: 'scores', mode: 'dense', pairs: ALL_PAIRS, values: [0.6259035, 0.34749585, 0.349868, 0.6782462] },
      {
        kind: 'weights',
        text: QUESTIONS[0],
        pieces: {
          What: 0.08362077,
          is: 0.081469566,
          B: 0.12964639,
          GE: 0.25186998,
          M: 0.17001738,
          '3': 0.26957875,
          '?': 0.040755156,
        },
      },
      {
        kind: 'weights',
        text: QUESTIONS[1],
        pieces: {
          De: 0.050144322,
          fin: 0.13689369,
          ation: 0.045134712,
          of: 0.06342201,
          BM: 0.25167602,
          '25': 0.33353207,
        },
      },
      {
        kind: 'scores',
        mode: 'sparse',
        pairs: [ALL_PAIRS[0], ALL_PAIRS[1]],
        values: [0.19554448500275612, 0.00880391988903284],
      },
      { kind: 'colbert shape', text: QUESTIONS[0], rows: 8, width: 1024 },
      { kind: 'colbert shape', text: PASSAGES[0], rows: 30, width: 1024 },
      {
        kind: 'scores',
        mode: 'colbert',
        pairs: [ALL_PAIRS[0], ALL_PAIRS[1]],
        values: [0.7796662449836731, 0.4621177911758423],
      },
    ],
  },
  {
    name: 'FlagEmbedding, example of an embedder',
    source: `${FLAG_EMBEDDING}/examples/inference/embedder/encoder_only/m3_single_device.py`,
    arithmetic: 'fp16',
    values: [
      { kind: 'scores', mode: 'dense', pairs: ALL_PAIRS, values: [0.626, 0.3477, 0.3496, 0.678] },
      { kind: 'scores', mode: 'sparse', pairs: ALL_PAIRS, values: [0.19554901, 0.00880432, 0.0, 0.18036556] },
    ],
  },
  {
    name: 'FlagEmbedding, example of compute_score',
    source: `${FLAG_EMBEDDING}/examples/inference/embedder/encoder_only/m3_single_device_compute_score.py`,
    arithmetic: 'fp16',
    values: [
      {
        kind: 'scores',
        mode: 'colbert',
        pairs: OWN_PAIRS,
        values: [0.7798250317573547, 0.7899274826049805],
        weights: [1, 0.3, 1],
      },
      {
        kind: 'scores',
        mode: 'sparse',
        pairs: OWN_PAIRS,
        values: [0.195556640625, 0.180419921875],
        weights: [1, 0.3, 1],
      },
      { kind: 'scores', mode: 'dense', pairs: OWN_PAIRS, values: [0.6259765625, 0.67822265625], weights: [1, 0.3, 1] },
      {
        kind: 'scores',
        mode: 'sparse+dense',
        pairs: OWN_PAIRS,
        values: [0.5266488790512085, 0.5633450746536255],
        weights: [1, 0.3, 1],
      },
      {
        kind: 'scores',
        mode: 'colbert+sparse+dense',
        pairs: OWN_PAIRS,
        values: [0.6367254853248596, 0.6618592143058777],
        weights: [1, 0.3, 1],
      },
      {
        kind: 'scores',
        mode: 'colbert',
        pairs: CROSSED_PAIRS,
        values: [0.4524373412132263, 0.46213820576667786],
        weights: [1, 0.3, 1],
      },
      { kind: 'scores', mode: 'sparse', pairs: CROSSED_PAIRS, values: [0.0, 0.0088043212890625], weights: [1, 0.3, 1] },
      { kind: 'scores', mode: 'dense', pairs: CROSSED_PAIRS, values: [0.349609375, 0.34765625], weights: [1, 0.3, 1] },
      {
        kind: 'scores',
        mode: 'sparse+dense',
        pairs: CROSSED_PAIRS,
        values: [0.2689302861690521, 0.26945966482162476],
        weights: [1, 0.3, 1],
      },
      {
        kind: 'scores',
        mode: 'colbert+sparse+dense',
        pairs: CROSSED_PAIRS,
        values: [0.34871599078178406, 0.3532329499721527],
        weights: [1, 0.3, 1],
      },
    ],
  },
  {
    name: 'vLLM, test',
    source: `${VLLM}/tests/models/language/pooling/test_bge_m3.py`,
    arithmetic: 'fp16',
    values: [
      { kind: 'scores', mode: 'dense', pairs: VLLM_PAIRS, values: [0.6259, 0.3474, 0.3309, 0.6734] },
      { kind: 'scores', mode: 'sparse', pairs: [VLLM_PAIRS[0], VLLM_QUESTIONS], values: [0.19554901123046875, 0.0] },
      { kind: 'scores', mode: 'colbert', pairs: [VLLM_PAIRS[0], VLLM_PAIRS[1]], values: [0.7797, 0.462] },
      { kind: 'weights', text: 'Hi', ids: { 2673: 0.26710861921310425 } },
    ],
  },
  {
    name: 'fastembed-rs, comparison with FlagEmbedding',
    source: `${FASTEMBED}/tests/bgem3_comparison.rs`,
    arithmetic: 'fp32',
    values: [
      {
        kind: 'weights',
        text: FASTEMBED_TEXTS[0],
        ids: {
          4271: 0.17456965,
          195: 0.16260204,
          13482: 0.28582922,
          9: 0.04153823,
          4295: 0.24856839,
          83: 0.07778944,
          86872: 0.17708361,
          71: 0.08359783,
          1379: 0.10846229,
          9795: 0.1580239,
          1430: 0.15291117,
          16655: 0.223301,
        },
      },
      {
        kind: 'weights',
        text: FASTEMBED_TEXTS[1],
        ids: {
          183497: 0.32012847,
          83: 0.19853045,
          70: 0.16743071,
          2965: 0.24451455,
          1601: 0.17550871,
          90865: 0.25476876,
          111: 0.11962792,
          756: 0.13541803,
          1733: 0.18622744,
        },
      },
    ],
  },
  {
    name: 'fastembed-rs, text embeddings',
    source: `${FASTEMBED}/tests/text-embeddings.rs`,
    arithmetic: 'fp32',
    values: [
      { kind: 'dense sum', text: 'Hello, World!', value: -0.7138151 },
      { kind: 'dense sum', text: 'This is an example passage.', value: -0.69116485 },
      { kind: 'dense sum', text: 'fastembed-rs is licensed under Apache-2.0', value: -0.7932898 },
      { kind: 'dense sum', text: 'Some other short text here blah blah blah', value: -0.6727733 },
    ],
  },
  {
    name: 'fastembed-rs, an int8 conversion',
    source: `${FASTEMBED}/tests/bgem3.rs`,
    arithmetic: 'int8',
    values: [
      {
        kind: 'leading dense',
        text: FASTEMBED_TEXTS[0],
        values: [
          -0.018156249076128006, -0.017044715583324432, 0.000982290250249207, 0.0583689846098423, -0.01868816465139389,
        ],
      },
      {
        kind: 'weights',
        text: FASTEMBED_TEXTS[0],
        ids: {
          9: 0.04261402785778046,
          71: 0.09023943543434143,
          83: 0.08396764099597931,
          195: 0.16971012949943542,
          1379: 0.10828342288732529,
          1430: 0.13637235760688782,
          4271: 0.16798287630081177,
          4295: 0.2422717958688736,
          9795: 0.1467694491147995,
          13482: 0.277856707572937,
          16655: 0.22456319630146027,
          86872: 0.18163326382637024,
        },
      },
      { kind: 'colbert shape', text: FASTEMBED_TEXTS[0], rows: 13, width: 1024 },
      {
        kind: 'leading colbert',
        text: FASTEMBED_TEXTS[0],
        row: 0,
        values: [-0.02416383847594261, -0.0405534990131855, -0.0560004822909832],
      },
      {
        kind: 'leading colbert',
        text: FASTEMBED_TEXTS[0],
        row: 1,
        values: [-0.01845022290945053, -0.042646653950214386, -0.033078353852033615],
      },
      {
        kind: 'leading dense',
        text: FASTEMBED_TEXTS[1],
        values: [
          -0.011247089132666588, 0.031949788331985474, -0.02800164744257927, -0.009801163338124752,
          -0.014338407665491104,
        ],
      },
      {
        kind: 'weights',
        text: FASTEMBED_TEXTS[1],
        ids: {
          70: 0.15444988012313843,
          83: 0.1826561987400055,
          111: 0.10440966486930847,
          756: 0.1211288720369339,
          1601: 0.16578607261180878,
          1733: 0.1628011018037796,
          2965: 0.24118179082870483,
          90865: 0.23467521369457245,
          183497: 0.30678409337997437,
        },
      },
      { kind: 'colbert shape', text: FASTEMBED_TEXTS[1], rows: 10, width: 1024 },
      {
        kind: 'leading colbert',
        text: FASTEMBED_TEXTS[1],
        row: 0,
        values: [-0.013565482571721077, -0.04746083542704582, -0.027890587225556374],
      },
      {
        kind: 'leading colbert',
        text: FASTEMBED_TEXTS[1],
        row: 1,
        values: [0.004542498383671045, -0.05220562964677811, -0.045384544879198074],
      },
    ],
  },
  {
    name: 'vLLM, in an issue',
    source: 'https://github.com/FlagOpen/FlagEmbedding/issues/1375',
    arithmetic: 'fp16',
    values: [
      {
        kind: 'leading dense',
        text: '精通excel',
        values: [
          -0.032440185546875, 0.005889892578125, -0.0306549072265625, -0.001209259033203125, -0.0201568603515625,
          -0.02447509765625, 0.0341796875, -0.0017910003662109375, 0.005279541015625, -0.0124664306640625,
          -0.006496429443359375, -0.0012645721435546875, 0.0028133392333984375, 0.01546478271484375, 0.0235748291015625,
          -0.0225982666015625,
        ],
      },
      {
        kind: 'leading dense',
        text: '银行项目',
        values: [
          -0.030975341796875, -0.023101806640625, -0.035552978515625, 9.143352508544922e-5, -0.01654052734375,
          0.0008797645568847656, 0.024444580078125, 0.005847930908203125, 0.040069580078125, 0.006481170654296875,
          0.0401611328125, 0.0143890380859375, -0.012298583984375, -0.00902557373046875, 0.02740478515625,
          -0.026580810546875,
        ],
      },
    ],
  },
];
