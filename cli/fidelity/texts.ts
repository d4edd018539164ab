/** A question and the passage that answers it. */
export interface EvaluationPair {
  /** BCP 47 */
  readonly language: string;
  readonly question: string;
  readonly passage: string;
}

/** Of each language six questions, each with its answer on the next line. */
const TEXTS: Readonly<Record<string, string>> = {
  en: `
Why is the sky blue?
Sunlight is scattered by the molecules of the air. Blue light is scattered far more than red, so it reaches our eyes from every direction.
How can I lower my electricity bill?
Switch devices off completely, wash at thirty degrees and replace old lamps: together this saves up to a fifth of what a household uses.
Who pays if a parcel arrives damaged?
Until the buyer has the goods, the seller bears the risk. Photograph the damage and report it within two days.
When did people first walk on the moon?
In July 1969 two astronauts walked on the moon for two and a half hours, while a third stayed in orbit.
What helps against a cold?
Nothing cures a cold; rest, warm drinks and honey ease a cough and a sore throat until it passes after a week.
How do bees find their way home?
Bees remember landmarks and the position of the sun, and return to the hive even from several kilometres away.
`,
  de: `
Warum ist der Himmel blau?
Das Sonnenlicht wird an den Molekülen der Luft gestreut. Blaues Licht wird viel stärker gestreut als rotes und erreicht unser Auge deshalb aus allen Richtungen.
Wie kann ich meine Stromrechnung senken?
Geräte ganz ausschalten, bei dreißig Grad waschen und alte Lampen ersetzen: Das spart zusammen bis zu ein Fünftel des Verbrauchs eines Haushalts.
Wer zahlt, wenn ein Paket beschädigt ankommt?
Bis der Käufer die Ware in Händen hält, trägt der Verkäufer das Risiko. Fotografieren Sie den Schaden und melden Sie ihn binnen zwei Tagen.
Wann betraten zum ersten Mal Menschen den Mond?
Im Juli 1969 gingen zwei Astronauten zweieinhalb Stunden lang auf dem Mond umher, während ein dritter in der Umlaufbahn blieb.
Was hilft gegen eine Erkältung?
Heilen lässt sich eine Erkältung nicht; Ruhe, warme Getränke und Honig lindern Husten und Halsweh, bis sie nach einer Woche vergeht.
Wie finden Bienen nach Hause?
Bienen merken sich Landmarken und den Stand der Sonne und kehren selbst aus mehreren Kilometern Entfernung zum Stock zurück.
`,
  fr: `
Pourquoi le ciel est-il bleu ?
La lumière du soleil est diffusée par les molécules de l’air. Le bleu l’est bien plus que le rouge, et nous parvient donc de toutes les directions.
Comment réduire ma facture d’électricité ?
Éteindre complètement les appareils, laver à trente degrés et remplacer les vieilles ampoules : on économise ainsi jusqu’à un cinquième de la consommation d’un ménage.
Qui paie si un colis arrive abîmé ?
Tant que l’acheteur n’a pas reçu la marchandise, le risque est pour le vendeur. Photographiez les dégâts et signalez-les sous deux jours.
Quand l’homme a-t-il marché sur la Lune pour la première fois ?
En juillet 1969, deux astronautes ont marché sur la Lune pendant deux heures et demie, tandis qu’un troisième restait en orbite.
Que faire contre un rhume ?
Rien ne guérit un rhume ; le repos, les boissons chaudes et le miel calment la toux et le mal de gorge, et tout passe en une semaine.
Comment les abeilles retrouvent-elles leur ruche ?
Les abeilles retiennent des repères et la position du soleil, et rentrent à la ruche même depuis plusieurs kilomètres.
`,
  es: `
¿Por qué el cielo es azul?
Las moléculas del aire dispersan la luz del sol. La luz azul se dispersa mucho más que la roja y por eso llega a nuestros ojos desde todas partes.
¿Cómo puedo bajar la factura de la luz?
Apagar del todo los aparatos, lavar a treinta grados y cambiar las bombillas viejas ahorra hasta una quinta parte del consumo de un hogar.
¿Quién paga si un paquete llega roto?
Hasta que el comprador tiene la mercancía, el riesgo es del vendedor. Fotografíe los daños y comuníquelos en dos días.
¿Cuándo caminó el ser humano por primera vez en la Luna?
En julio de 1969 dos astronautas caminaron por la Luna durante dos horas y media, mientras un tercero permanecía en órbita.
¿Qué ayuda contra el resfriado?
Nada cura un resfriado; el descanso, las bebidas calientes y la miel alivian la tos y el dolor de garganta hasta que pasa, en una semana.
¿Cómo encuentran las abejas el camino a casa?
Las abejas recuerdan puntos de referencia y la posición del sol, y vuelven a la colmena incluso desde varios kilómetros.
`,
  pt: `
Por que o céu é azul?
A luz do sol é espalhada pelas moléculas do ar. A luz azul espalha-se muito mais do que a vermelha e chega aos nossos olhos de todas as direções.
Como posso reduzir a conta de luz?
Desligar os aparelhos por completo, lavar a trinta graus e trocar as lâmpadas antigas poupa até um quinto do consumo de uma casa.
Quem paga se uma encomenda chegar danificada?
Até o comprador receber a mercadoria, o risco é do vendedor. Fotografe os danos e comunique-os em dois dias.
Quando as pessoas caminharam na Lua pela primeira vez?
Em julho de 1969, dois astronautas caminharam na Lua durante duas horas e meia, enquanto um terceiro ficou em órbita.
O que ajuda contra a constipação?
Nada cura uma constipação; descanso, bebidas quentes e mel aliviam a tosse e a dor de garganta até passar, ao fim de uma semana.
Como as abelhas encontram o caminho de casa?
As abelhas lembram-se de pontos de referência e da posição do sol e regressam à colmeia mesmo a vários quilómetros.
`,
  pl: `
Dlaczego niebo jest niebieskie?
Światło słoneczne rozprasza się na cząsteczkach powietrza. Niebieskie rozprasza się znacznie mocniej niż czerwone, więc dociera do nas ze wszystkich stron.
Jak obniżyć rachunek za prąd?
Całkowite wyłączanie urządzeń, pranie w trzydziestu stopniach i wymiana starych żarówek pozwalają zaoszczędzić nawet jedną piątą zużycia domu.
Kto płaci, gdy paczka dotrze uszkodzona?
Dopóki kupujący nie otrzyma towaru, ryzyko ponosi sprzedawca. Szkodę należy sfotografować i zgłosić w ciągu dwóch dni.
Kiedy ludzie po raz pierwszy stanęli na Księżycu?
W lipcu 1969 roku dwóch astronautów przez dwie i pół godziny chodziło po Księżycu, a trzeci pozostał na orbicie.
Co pomaga na przeziębienie?
Przeziębienia nie da się wyleczyć; odpoczynek, ciepłe napoje i miód łagodzą kaszel i ból gardła, aż minie po tygodniu.
Jak pszczoły trafiają do domu?
Pszczoły zapamiętują punkty orientacyjne i położenie słońca i wracają do ula nawet z odległości kilku kilometrów.
`,
  ru: `
Почему небо голубое?
Солнечный свет рассеивается на молекулах воздуха. Синий свет рассеивается гораздо сильнее красного и поэтому приходит к нам со всех сторон.
Как уменьшить счёт за электричество?
Полностью выключать приборы, стирать при тридцати градусах и заменить старые лампы: вместе это экономит до пятой части расхода семьи.
Кто платит, если посылка пришла повреждённой?
Пока покупатель не получил товар, риск несёт продавец. Сфотографируйте повреждения и сообщите о них в течение двух дней.
Когда люди впервые ступили на Луну?
В июле 1969 года два астронавта два с половиной часа ходили по Луне, а третий оставался на орбите.
Что помогает при простуде?
Вылечить простуду нельзя; покой, тёплое питьё и мёд облегчают кашель и боль в горле, пока через неделю всё не пройдёт.
Как пчёлы находят дорогу домой?
Пчёлы запоминают ориентиры и положение солнца и возвращаются в улей даже за несколько километров.
`,
  tr: `
Gökyüzü neden mavidir?
Güneş ışığı havadaki moleküllerde saçılır. Mavi ışık kırmızıdan çok daha fazla saçıldığı için gözümüze her yönden ulaşır.
Elektrik faturamı nasıl düşürebilirim?
Cihazları tamamen kapatmak, otuz derecede yıkamak ve eski lambaları değiştirmek bir evin tüketiminin beşte birine kadarını azaltır.
Paket hasarlı gelirse kim öder?
Alıcı malı teslim alana kadar risk satıcıya aittir. Hasarın fotoğrafını çekin ve iki gün içinde bildirin.
İnsanlar Ay’da ilk kez ne zaman yürüdü?
Temmuz 1969’da iki astronot Ay’da iki buçuk saat yürüdü, üçüncüsü ise yörüngede kaldı.
Soğuk algınlığına ne iyi gelir?
Soğuk algınlığının ilacı yoktur; dinlenmek, sıcak içecekler ve bal bir hafta sonra geçene kadar öksürüğü ve boğaz ağrısını hafifletir.
Arılar evlerinin yolunu nasıl bulur?
Arılar yer işaretlerini ve güneşin konumunu hatırlar, kilometrelerce uzaktan bile kovana döner.
`,
  ar: `
لماذا السماء زرقاء؟
تتشتت أشعة الشمس على جزيئات الهواء، ويتشتت الضوء الأزرق أكثر بكثير من الأحمر فيصل إلى أعيننا من كل اتجاه.
كيف أخفض فاتورة الكهرباء؟
إطفاء الأجهزة تماما والغسيل على ثلاثين درجة واستبدال المصابيح القديمة يوفر حتى خمس استهلاك المنزل.
من يدفع إذا وصل الطرد تالفا؟
يتحمل البائع المخاطر حتى يستلم المشتري البضاعة. صوّر الضرر وأبلغ عنه خلال يومين.
متى مشى الإنسان على القمر لأول مرة؟
في يوليو ١٩٦٩ مشى رائدا فضاء على القمر ساعتين ونصف الساعة بينما بقي الثالث في المدار.
ماذا ينفع ضد الزكام؟
لا علاج للزكام، لكن الراحة والمشروبات الدافئة والعسل تخفف السعال وألم الحلق حتى يزول بعد أسبوع.
كيف يجد النحل طريقه إلى البيت؟
يتذكر النحل المعالم وموقع الشمس ويعود إلى الخلية حتى من مسافة عدة كيلومترات.
`,
  hi: `
आकाश नीला क्यों होता है?
सूर्य का प्रकाश हवा के अणुओं से बिखरता है। नीला प्रकाश लाल से कहीं अधिक बिखरता है, इसलिए वह हर दिशा से हमारी आँखों तक पहुँचता है।
मैं अपना बिजली का बिल कैसे कम करूँ?
उपकरण पूरी तरह बंद करना, तीस डिग्री पर कपड़े धोना और पुराने बल्ब बदलना घर की खपत का पाँचवाँ हिस्सा तक बचाता है।
पार्सल टूटा हुआ आए तो भुगतान कौन करेगा?
जब तक सामान ख़रीदार को न मिल जाए, जोखिम विक्रेता का है। नुक़सान की तस्वीर लें और दो दिन के भीतर सूचना दें।
मनुष्य पहली बार चाँद पर कब चला?
जुलाई 1969 में दो अंतरिक्ष यात्री ढाई घंटे चाँद पर चले, जबकि तीसरा कक्षा में रहा।
सर्दी-ज़ुकाम में क्या फ़ायदा करता है?
ज़ुकाम का कोई इलाज नहीं है; आराम, गरम पेय और शहद खाँसी और गले के दर्द में राहत देते हैं, और वह एक हफ़्ते में ठीक हो जाता है।
मधुमक्खियाँ घर का रास्ता कैसे ढूँढ़ती हैं?
मधुमक्खियाँ निशानियाँ और सूर्य की स्थिति याद रखती हैं और कई किलोमीटर दूर से भी छत्ते में लौट आती हैं।
`,
  th: `
ทำไมท้องฟ้าถึงเป็นสีฟ้า
แสงอาทิตย์กระเจิงเมื่อกระทบโมเลกุลของอากาศ แสงสีน้ำเงินกระเจิงมากกว่าสีแดงมาก จึงเข้าตาเราจากทุกทิศทาง
จะลดค่าไฟฟ้าได้อย่างไร
ปิดเครื่องใช้ให้สนิท ซักผ้าที่สามสิบองศา และเปลี่ยนหลอดไฟเก่า ช่วยประหยัดไฟในบ้านได้ถึงหนึ่งในห้า
ถ้าพัสดุเสียหายใครต้องจ่าย
ผู้ขายรับความเสี่ยงจนกว่าผู้ซื้อจะได้รับสินค้า ควรถ่ายรูปความเสียหายและแจ้งภายในสองวัน
มนุษย์เดินบนดวงจันทร์ครั้งแรกเมื่อไร
ในเดือนกรกฎาคม 1969 นักบินอวกาศสองคนเดินบนดวงจันทร์สองชั่วโมงครึ่ง ส่วนคนที่สามอยู่ในวงโคจร
อะไรช่วยบรรเทาหวัดได้บ้าง
ไม่มีอะไรรักษาหวัดให้หายได้ การพักผ่อน เครื่องดื่มอุ่น ๆ และน้ำผึ้งช่วยลดอาการไอและเจ็บคอ จนหายเองในหนึ่งสัปดาห์
ผึ้งหาทางกลับรังอย่างไร
ผึ้งจำจุดสังเกตและตำแหน่งของดวงอาทิตย์ แล้วกลับรังได้แม้อยู่ไกลหลายกิโลเมตร
`,
  vi: `
Tại sao bầu trời có màu xanh?
Ánh sáng mặt trời bị các phân tử không khí tán xạ. Ánh sáng xanh bị tán xạ mạnh hơn ánh sáng đỏ nhiều nên đến mắt ta từ mọi hướng.
Làm sao để giảm tiền điện?
Tắt hẳn thiết bị, giặt ở ba mươi độ và thay bóng đèn cũ có thể tiết kiệm đến một phần năm lượng điện của một gia đình.
Ai trả tiền nếu bưu kiện bị hỏng?
Cho đến khi người mua nhận được hàng, người bán chịu rủi ro. Hãy chụp ảnh hư hỏng và báo trong vòng hai ngày.
Con người lần đầu đi bộ trên mặt trăng khi nào?
Tháng 7 năm 1969, hai phi hành gia đi trên mặt trăng hai tiếng rưỡi, còn người thứ ba ở lại quỹ đạo.
Bị cảm lạnh thì nên làm gì?
Không có thuốc chữa cảm lạnh; nghỉ ngơi, đồ uống ấm và mật ong làm dịu cơn ho và đau họng cho đến khi khỏi sau một tuần.
Ong tìm đường về tổ như thế nào?
Ong nhớ các vật mốc và vị trí của mặt trời, và bay về tổ dù ở xa hàng cây số.
`,
  sw: `
Kwa nini anga ni la buluu?
Mwanga wa jua hutawanywa na molekuli za hewa. Mwanga wa buluu hutawanyika zaidi kuliko mwekundu, hivyo hufika machoni petu kutoka kila upande.
Ninawezaje kupunguza bili ya umeme?
Kuzima vifaa kabisa, kufua kwa nyuzi thelathini na kubadilisha taa za zamani huokoa hadi sehemu moja ya tano ya umeme wa nyumba.
Nani hulipa kifurushi kikifika kimeharibika?
Hadi mnunuzi apokee bidhaa, muuzaji ndiye anayebeba hasara. Piga picha ya uharibifu na utoe taarifa ndani ya siku mbili.
Binadamu walitembea mwezini lini kwa mara ya kwanza?
Mnamo Julai 1969 wanaanga wawili walitembea mwezini kwa saa mbili na nusu, na wa tatu alibaki kwenye mzingo.
Nini husaidia dhidi ya mafua?
Hakuna dawa ya mafua; mapumziko, vinywaji vya moto na asali hupunguza kikohozi na maumivu ya koo hadi yapone baada ya wiki moja.
Nyuki hupataje njia ya kurudi nyumbani?
Nyuki hukumbuka alama za mahali na mkao wa jua, na hurudi mzingani hata wakiwa kilomita kadhaa mbali.
`,
  zh: `
天空为什么是蓝色的？
阳光遇到空气分子会发生散射。蓝光比红光散射得多得多，所以从四面八方进入我们的眼睛。
怎样降低电费？
彻底关掉电器、用三十度的水洗衣、换掉旧灯泡，合起来可以节省一个家庭五分之一的用电。
包裹到货时损坏了，谁来赔偿？
在买家收到货物之前，风险由卖家承担。请拍下损坏情况，并在两天之内报告。
人类第一次登上月球是什么时候？
1969年7月，两名宇航员在月球上行走了两个半小时，第三名留在轨道上。
感冒了怎么办？
感冒没有特效药；休息、热饮和蜂蜜可以缓解咳嗽和喉咙痛，一周左右自然会好。
蜜蜂是怎么找到回家的路的？
蜜蜂记得地标和太阳的位置，即使在几公里以外也能飞回蜂巢。
`,
  ja: `
空はなぜ青いのですか。
太陽の光は空気の分子によって散乱されます。青い光は赤い光よりずっと強く散乱されるので、あらゆる方向から目に届きます。
電気代を下げるにはどうすればいいですか。
機器の電源を完全に切り、三十度で洗濯し、古い電球を取り替えると、家庭の消費電力を最大で五分の一減らせます。
荷物が壊れて届いたら誰が払いますか。
買い手が商品を受け取るまでは、売り手が危険を負います。破損を撮影し、二日以内に連絡してください。
人類が初めて月を歩いたのはいつですか。
一九六九年七月、二人の宇宙飛行士が二時間半にわたって月面を歩き、三人目は軌道に残りました。
風邪には何が効きますか。
風邪を治す薬はありません。休養と温かい飲み物と蜂蜜が咳や喉の痛みを和らげ、一週間ほどで治ります。
蜂はどうやって巣に帰るのですか。
蜂は目印と太陽の位置を覚えていて、何キロも離れた所からでも巣に戻ります。
`,
  ko: `
하늘은 왜 파란가요?
햇빛은 공기 분자에 부딪혀 흩어진다. 파란빛은 붉은빛보다 훨씬 많이 흩어져 사방에서 우리 눈에 들어온다.
전기 요금을 어떻게 줄일 수 있나요?
기기를 완전히 끄고, 삼십 도에서 세탁하고, 낡은 전구를 바꾸면 한 가정이 쓰는 전기의 오분의 일까지 아낄 수 있다.
택배가 파손되어 도착하면 누가 배상하나요?
구매자가 물건을 받을 때까지는 판매자가 위험을 진다. 파손된 부분을 사진으로 찍어 이틀 안에 알려야 한다.
사람이 달 위를 처음 걸은 것은 언제인가요?
1969년 7월 우주비행사 두 명이 달 위를 두 시간 반 동안 걸었고, 한 명은 궤도에 남았다.
감기에는 무엇이 좋은가요?
감기를 낫게 하는 약은 없다. 휴식과 따뜻한 음료, 꿀이 기침과 목의 통증을 덜어 주며 일주일이면 낫는다.
벌은 어떻게 집을 찾아가나요?
벌은 지형지물과 해의 위치를 기억하고, 몇 킬로미터 떨어진 곳에서도 벌집으로 돌아온다.
`,
};

/**
 * What a quantised model is judged by: six questions with their answers, each in sixteen languages, so that every question has its answer
 * among 96 passages, fifteen of which say the same in another language. Written for this project; no sentence is in
 * `cli/calibrate/texts.ts` or in the fixtures' `golden.json`.
 */
export const EVALUATION_PAIRS: readonly EvaluationPair[] = Object.entries(TEXTS).flatMap(([language, text]) => {
  const lines = text.trim().split('\n');
  return Array.from({ length: lines.length / 2 }, (_, i) => ({
    language,
    question: lines[2 * i]!,
    passage: lines[2 * i + 1]!,
  }));
});
