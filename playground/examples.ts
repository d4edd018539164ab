/** Texts to begin with: a question, a passage that answers it, one about the same, one that only shares a word, one about something else. */
export interface Example {
  readonly name: string;
  /** BCP 47, of the name. */
  readonly lang: string;
  readonly texts: readonly string[];
}

const LANGUAGES: readonly Example[] = [
  {
    name: 'English',
    lang: 'en',
    texts: [
      'Why is the sky blue?',
      'The sky is blue because air scatters blue light more than red light.',
      'At sunset the light takes a longer way through the air, and the sky turns red.',
      'The blue whale is the largest animal on Earth.',
      'The train to Lisbon leaves at nine.',
    ],
  },
  {
    name: 'Русский',
    lang: 'ru',
    texts: [
      'Почему небо голубое?',
      'Небо голубое, потому что воздух рассеивает голубой свет сильнее, чем красный.',
      'На закате свет идёт через воздух дольше, и небо становится красным.',
      'Голубой кит — самое большое животное на Земле.',
      'Поезд в Лиссабон отправляется в девять.',
    ],
  },
  {
    name: 'Ελληνικά',
    lang: 'el',
    texts: [
      'Γιατί ο ουρανός είναι γαλάζιος;',
      'Ο ουρανός είναι γαλάζιος επειδή ο αέρας σκεδάζει το γαλάζιο φως περισσότερο από το κόκκινο.',
      'Στο ηλιοβασίλεμα το φως περνά μέσα από περισσότερο αέρα και ο ουρανός κοκκινίζει.',
      'Η γαλάζια φάλαινα είναι το μεγαλύτερο ζώο στη Γη.',
      'Το τρένο για τη Λισαβόνα φεύγει στις εννέα.',
    ],
  },
  {
    name: 'العربية',
    lang: 'ar',
    texts: [
      'لماذا السماء زرقاء؟',
      'السماء زرقاء لأن الهواء يشتت الضوء الأزرق أكثر من الضوء الأحمر.',
      'عند الغروب يقطع الضوء مسافة أطول في الهواء فتصبح السماء حمراء.',
      'الحوت الأزرق هو أكبر حيوان على الأرض.',
      'يغادر القطار إلى لشبونة في الساعة التاسعة.',
    ],
  },
  {
    name: 'हिन्दी',
    lang: 'hi',
    texts: [
      'आसमान नीला क्यों है?',
      'आसमान नीला है क्योंकि हवा नीले प्रकाश को लाल प्रकाश से ज़्यादा बिखेरती है।',
      'सूर्यास्त के समय प्रकाश हवा में लंबा रास्ता तय करता है और आसमान लाल हो जाता है।',
      'नीली व्हेल पृथ्वी का सबसे बड़ा जानवर है।',
      'लिस्बन की ट्रेन नौ बजे छूटती है।',
    ],
  },
  {
    name: '中文',
    lang: 'zh',
    texts: [
      '天空为什么是蓝色的？',
      '天空是蓝色的，因为空气散射蓝光比散射红光更强。',
      '日落时，光在空气中走的路更长，天空变成红色。',
      '蓝鲸是地球上最大的动物。',
      '去里斯本的火车九点出发。',
    ],
  },
  {
    name: '日本語',
    lang: 'ja',
    texts: [
      '空はなぜ青いのですか？',
      '空が青いのは、空気が赤い光より青い光を強く散乱させるからです。',
      '夕方には光が空気の中を長く進むので、空が赤くなります。',
      '青い鯨は地球で最も大きな動物です。',
      'リスボン行きの列車は九時に出ます。',
    ],
  },
  {
    name: '한국어',
    lang: 'ko',
    texts: [
      '하늘은 왜 파란가요?',
      '하늘이 파란 것은 공기가 빨간빛보다 파란빛을 더 많이 산란시키기 때문입니다.',
      '해 질 무렵에는 빛이 공기를 더 오래 지나서 하늘이 붉어집니다.',
      '대왕고래는 지구에서 가장 큰 동물입니다.',
      '리스본행 기차는 아홉 시에 떠납니다.',
    ],
  },
];

/** The question of each language: close to each other for a model that knows meaning, far for one that knows words. */
const ONE_QUESTION: Example = {
  name: 'One question, eight languages',
  lang: 'en',
  texts: LANGUAGES.map(({ texts }) => texts[0]!),
};

export const EXAMPLES: readonly Example[] = [...LANGUAGES, ONE_QUESTION];
