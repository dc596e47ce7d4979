"Write the pairs of nbs/33_leaks.ipynb into leaks/: python make_leaks.py (needs pillow). Each pair is a PDF with hidden text and its twin without"
import io, json, zlib
from pathlib import Path
from PIL import Image, ImageDraw, ImageFont

OUT = Path(__file__).parent/'leaks'
NAME = 'Anna Smit'
ROWS = ['Report of the inspection', 'The inspector spoke with', 'and wrote down what was said.', 'The next visit is on 4 May.']


class Pdf:
    "A PDF written object by object; number 0 is handed out by `add`"
    def __init__(self): self.objects, self.pages, self.root = [b''] * 3, [], ''; self.objects[2] = b'<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>'

    def add(self, body):
        self.objects.append(body if isinstance(body, bytes) else body.encode('latin-1'))
        return len(self.objects)

    def stream(self, attributes, data):
        data = data if isinstance(data, bytes) else data.encode('latin-1')
        return self.add(f'<<{attributes}/Length {len(data)}>>stream\n'.encode() + data + b'\nendstream')

    def page(self, content, resources='', attributes='/MediaBox[0 0 400 300]', annots=()):
        c = self.stream('', content)
        marks = f'/Annots[{" ".join(f"{self.add(a)} 0 R" for a in annots)}]' if annots else ''
        self.pages.append(self.add(f'<</Type/Page/Parent 2 0 R/Contents {c} 0 R/Resources<</Font<</F1 3 0 R>>{resources}>>{attributes}{marks}>>'))

    def bytes(self):
        self.objects[0] = f'<</Type/Catalog/Pages 2 0 R{self.root}>>'.encode()
        self.objects[1] = f'<</Type/Pages/Kids[{" ".join(f"{n} 0 R" for n in self.pages)}]/Count {len(self.pages)}>>'.encode()
        return _table(b'%PDF-1.6\n%\xe2\xe3\xcf\xd3\n', {i: o for i, o in enumerate(self.objects, 1)}, len(self.objects) + 1, '')


def _table(head, objects, size, prev, root=1):
    out, at = io.BytesIO(), {}
    out.write(head)
    for i, o in objects.items(): at[i] = out.tell(); out.write(b'%d 0 obj\n' % i + o + b'\nendobj\n')
    start = out.tell()
    out.write(b'xref\n0 1\n0000000000 65535 f \n' + b''.join(b'%d 1\n%010d 00000 n \n' % (i, a) for i, a in at.items()))
    out.write(f'trailer\n<</Size {size}/Root {root} 0 R{prev}>>\nstartxref\n{start}\n%%EOF\n'.encode())
    return out.getvalue()


def update(before, objects, root=1):
    "An incremental update: new versions of some objects behind the old file"
    start = before.rsplit(b'startxref\n', 1)[1].split(b'\n')[0].decode()
    size = int(before.rsplit(b'/Size ', 1)[1].split(b'/')[0])
    return _table(before, objects, size, f'/Prev {start}', root)


def text(x, y, words, size=12, color='0 g', mode=0): return f'BT {color} {mode} Tr /F1 {size} Tf {x} {y} Td ({words}) Tj ET\n'

BOX = (176, 216, 60, 14)  # x, y, width, height of the place where the name stands
RECT = '176 216 60 14 re f\n'
def letter(name=NAME, **how): return ''.join(text(40, 250 - 30 * i, r) for i, r in enumerate(ROWS)) + (text(178, 220, name, **how) if name else '')

def one(content, resources='', attributes='/MediaBox[0 0 400 300]', annots=(), objects=()):
    p = Pdf()
    for attributes_, data in objects: p.stream(attributes_, data)
    p.page(content, resources, attributes, annots)
    return p.bytes()

def appearance(content, extra=''): return (f'/Type/XObject/Subtype/Form/BBox[0 0 60 14]{extra}', content)
def annotation(subtype, extra): return f'<</Type/Annot/Subtype/{subtype}/Rect[176 216 236 230]/F 4{extra}>>'
QUAD = '/QuadPoints[176 230 236 230 176 216 236 216]'
IMAGE = ('/Type/XObject/Subtype/Image/Width 4 /Height 4/BitsPerComponent 8/ColorSpace/DeviceGray', bytes(16))
PHOTO = ('/Type/XObject/Subtype/Image/Width 24/Height 24/BitsPerComponent 8/ColorSpace/DeviceGray', bytes((i * 7919 + i * i * 31) % 256 for i in range(576)))
HATCH = ('/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 3 3]/XStep 3/YStep 3/Resources<<>>', '0 g 0 0 3 2 re f')
SHADING = '<</Sh<</ShadingType 2/ColorSpace/DeviceGray/Coords[176 0 236 0]/Function<</FunctionType 2/Domain[0 1]/C0[0.1]/C1[0.5]/N 1>>/Extend[true true]>>>>'
FORM = ('/Type/XObject/Subtype/Form/BBox[0 0 400 300]/Resources<</Font<</F1 3 0 R>>>>', '')
def lines(step, width): return f'0 G {width} w\n' + ''.join(f'176 {y:g} m 236 {y:g} l S\n' for y in [216 + step * i for i in range(int(14 / step) + 1)])


def scan(words, label='', below=False):
    "A page as a picture, with a black bar, and a text layer that is invisible or lies below the picture"
    im = Image.new('L', (800, 600), 255); pen = ImageDraw.Draw(im); font = ImageFont.load_default(24)
    for i, r in enumerate(ROWS): pen.text((80, 80 + 60 * i), r, 0, font)
    pen.rectangle((370, 138, 500, 170), 0)
    if label: pen.text((382, 142), label, 255, font)
    picture = ('/Type/XObject/Subtype/Image/Width 800/Height 600/BitsPerComponent 1/ColorSpace/DeviceGray/Filter/FlateDecode', zlib.compress(im.convert('1').tobytes(), 9))
    mode = 0 if below else 3
    layer = ''.join(text(40, 249 - 30 * i, r, 12.2, mode=mode) for i, r in enumerate(ROWS)) + (text(188, 219, words, mode=mode) if words else '')
    return one(layer * below + 'q 400 0 0 300 0 0 cm /X Do Q\n' + layer * (not below), '/XObject<</X 4 0 R>>', objects=[picture])


def attached(name, data):
    "A clean page with a file attached"
    p = Pdf(); p.page(letter('') + RECT)
    f = p.stream('/Type/EmbeddedFile', data)
    p.root = f'/Names<</EmbeddedFiles<</Names[({name}) {p.add(f"<</Type/Filespec/F({name})/EF<</F {f} 0 R>>>>")} 0 R]>>>>'
    return p.bytes()


def field(value, label=''):
    "A field of a form, filled in, below a black square"
    p = Pdf(); look = p.stream('/Type/XObject/Subtype/Form/BBox[0 0 60 14]/Resources<</Font<</F1 3 0 R>>>>', text(2, 4, value) if value else '')
    f = p.add(f'<</Type/Annot/Subtype/Widget/FT/Tx/T(who)/V({value})/Rect[176 216 236 230]/F 4/AP<</N {look} 0 R>>>>'); p.root = f'/AcroForm<</Fields[{f} 0 R]>>'
    s = p.add(annotation('Square', '/C[0 0 0]/IC[0 0 0]')); c = p.stream('', letter(''))
    p.pages.append(p.add(f'<</Type/Page/Parent 2 0 R/Contents {c} 0 R/Resources<</Font<</F1 3 0 R>>>>/MediaBox[0 0 400 300]/Annots[{f} 0 R {s} 0 R]>>'))
    return p.bytes()


def note(value, above):
    "A note typed onto the page, below a black square or above it"
    look = ('/Type/XObject/Subtype/Form/BBox[0 0 60 14]/Resources<</Font<</F1 3 0 R>>>>', text(2, 4, value, color='.5 g'))
    both = [annotation('FreeText', f'/Contents({value})/DA(/F1 12 Tf){AP}'), annotation('Square', '/C[0 0 0]/IC[0 0 0]')]
    return one(letter(''), annots=both[::-1] if above else both, objects=[look])


def cover_taken(words, now):
    "A page with a bar, behind a cover that the next version no longer has; the cover has words where the bar is"
    p = Pdf(); p.page(''.join(text(40, 250 - 15 * i, 'Seal of the city') for i in range(8)) + text(178, 220, 'its cover')); p.page(words)
    first = p.bytes(); content, cover, page = p.pages[1] - 1, *p.pages
    return update(first, {2: f'<</Type/Pages/Kids[{page} 0 R]/Count 1>>'.encode(), content: f'<</Length {len(now)}>>stream\n{now}\nendstream'.encode()})


def revised(before, after, extra=''):
    "A page and its next version, as an editor that only appends saves it"
    first = one(before)
    return update(first, {4: f'<</Length {len(after)}>>stream\n{after}\nendstream'.encode()})


# name: (how the text is recovered, the text, the leak, the twin, what the twin shows)
X, AP = '/XObject<</X 4 0 R>>', '/AP<</N 4 0 R>>'
CASES = {
    'rectangle': ('under_rectangle', NAME, one(letter() + RECT), one(letter('') + RECT), 'nothing is left under the rectangle'),
    'white_box': ('under_rectangle', NAME, one(letter() + '1 g ' + RECT), one('1 g ' + RECT + letter()), 'the white box lies below the text'),
    'two_lines': ('under_rectangle', f'{NAME} said.', one(letter() + text(40, 100, 'End') + '176 186 90 44 re f\n'), one(letter() + '36 212 300 1 re f 36 182 300 1 re f\n'), 'underlines'),
    'path': ('under_path', NAME, one(letter() + '172 216 m 240 214 l 242 231 l 174 232 l h f\n'), one(letter() + '240 100 m 380 290 l 300 90 l h 172 100 m 172 110 l 180 100 l h f\n'), 'the path only reaches around the text'),
    'fat_line': ('under_path', NAME, one(letter() + '0 G 14 w 174 223 m 238 223 l S\n'), one(letter() + '0 G .8 w 174 223.5 m 238 223.5 l S 174 218 m 238 218 l S\n'), 'struck through and underlined'),
    'quads': ('under_path', NAME, one(letter() + ''.join(f'{176 + 4 * i} 216 m {180 + 4 * i} 216 l {180 + 4 * i} 230 l {176 + 4 * i} 230 l h f\n' for i in range(15))),
              one('.9 g ' + ''.join(f'{176 + 20 * i} 216 20 14 re f 0 G {176 + 20 * i} 216 20 14 re S\n' for i in range(3)) + letter()), 'cells of a table below the text'),
    'image': ('under_image', NAME, one(letter() + 'q 60 0 0 14 176 216 cm /X Do Q\n', X, objects=[IMAGE]), one(letter() + 'q 60 0 0 60 300 216 cm /X Do Q\n', X, objects=[PHOTO]), 'a picture beside the text'),
    'shading': ('under_path', NAME, one(letter() + 'q ' + RECT.replace(' f', ' W n') + '/Sh sh Q\n', '/Shading' + SHADING), one('q ' + RECT.replace(' f', ' W n') + '/Sh sh Q\n' + letter(color='1 g'), '/Shading' + SHADING), 'white text above the gradient'),
    'square': ('under_annotation', NAME, one(letter(), annots=[annotation('Square', '/C[0 0 0]/IC[0 0 0]')]), one(letter(), annots=[annotation('Square', '/C[1 0 0]')]), 'an outline only'),
    'highlight': ('under_annotation', NAME, one(letter(), annots=[annotation('Highlight', f'{QUAD}/C[0 0 0]/CA 1{AP}')], objects=[appearance('0 g 0 0 60 14 re f')]),
                  one(letter(), annots=[annotation('Highlight', f'{QUAD}/C[1 1 0]')]), 'a yellow highlight'),
    'redact': ('unapplied_redact', NAME, one(letter(), annots=[annotation('Redact', f'{QUAD}/IC[0 0 0]/OverlayText(REDACTED)')]), one(letter('') + RECT, annots=[annotation('Redact', f'{QUAD}/IC[0 0 0]')]), 'the text was taken away'),
    'stamp': ('under_annotation', NAME, one(letter(), annots=[annotation('Stamp', AP)], objects=[appearance('0 0 .5 rg 0 0 60 14 re f')]), one(letter(), annots=[annotation('Stamp', AP)], objects=[appearance('1 0 0 RG 2 w 1 1 58 12 re S')]), 'a stamp one sees through'),
    'hatched_fill': ('under_hatching', NAME, one(letter() + '/Pattern cs /P scn ' + RECT, '/Pattern<</P 4 0 R>>', objects=[HATCH]), one(letter('') + '/Pattern cs /P scn ' + RECT, '/Pattern<</P 4 0 R>>', objects=[HATCH]), 'nothing under the hatching'),
    'hatched_lines': ('under_hatching', NAME, one(letter() + lines(2, 1.3)), one(lines(2, .4).replace('0 G', '.7 G') + letter()), 'the text stands above light hatching'),
    'same_colour': ('same_colour', NAME, one(RECT + letter()), one('0 g ' + RECT + letter(color='1 g')), 'white text on the black box'),
    'white_in_outline': ('same_colour', NAME, one('0 G 1 w ' + RECT.replace(' f', ' S') + letter(color='1 g')), one('0 G 1 w ' + RECT.replace(' f', ' S') + letter('') + text(40, 60, 'a note for the search engine', color='1 g')), 'white on white, far from the box'),
    'label_on_box': ('under_rectangle', NAME, one(letter() + RECT + text(184, 220, '\\(b\\)\\(6\\)', 10, '1 g')), one(letter('') + text(180, 220, 'Redacted', 10) + RECT + text(180, 220, '[REDACTED]', 8, '1 g')), 'only labels, on the box and under it'),
    'form': ('under_rectangle', NAME, one(letter() + '/X Do\n', X, objects=[(FORM[0], RECT)]), one(RECT + '/X Do\n', X, objects=[(FORM[0], letter(color='.6 g'))]), 'the text of the form is drawn above the box'),
    'inside_form': ('under_rectangle', NAME, one('/X Do\n', X, objects=[(FORM[0], letter() + RECT)]), one('/X Do\n', X, objects=[(FORM[0], letter('') + RECT)]), 'nothing under the box'),
    'turned': ('under_rectangle', NAME, one(letter() + RECT, attributes='/MediaBox[-20 -30 500 400]/CropBox[20 40 390 290]/Rotate 90'),
               one(letter('') + RECT + text(100, 20, 'Below the window') + '90 10 150 25 re f\n', attributes='/MediaBox[-20 -30 500 400]/CropBox[20 40 390 290]/Rotate 90'), 'text outside the window'),
    'see_through': ('under_rectangle', NAME, one(letter() + '/G gs ' + RECT, '/ExtGState<</G<</ca .96>>>>'), one(letter() + '1 .9 0 rg /G gs ' + RECT, '/ExtGState<</G<</ca .45>>>>'), 'a highlight one sees through'),
    'clipped': ('under_rectangle', NAME, one(letter() + f'q 170 210 m 300 210 l 300 240 l 170 240 l h W n {RECT}Q\n'), one(letter('') + 'q 0 0 100 50 re W n ' + text(178, 220, NAME) + 'Q ' + RECT), 'the text is clipped away'),
    'correction': ('under_rectangle', NAME, one(letter() + '.8 g ' + RECT), one(letter('12 March') + '1 g ' + RECT + text(178, 220, '14 March')), 'a date was put right'),
    'ocr_layer': ('ocr_layer', NAME, scan(NAME), scan('5.1.2.e', '5.1.2.e'), 'the layer holds the label that can be seen'),
    'ocr_below': ('ocr_layer', NAME, scan(NAME, below=True), scan('5.1.2.e', '5.1.2.e', below=True), 'the layer holds the label that can be seen'),
    'attached_pdf': ('attachment', NAME, attached('before.pdf', one(letter())), attached('after.pdf', one(letter('') + RECT)), 'the file attached is redacted too'),
    'attached_text': ('attachment', NAME, attached('notes.txt', ' '.join([*ROWS[:2], NAME, *ROWS[2:]])), attached('notes.txt', 'Nothing of the inspection or its inspector stands in here, only words.'), 'other words'),
    'field': ('under_annotation', NAME, field(NAME), field('5.1.2.e'), 'the field says why'),
    'note': ('under_annotation', NAME, note(NAME, False), note(NAME, True), 'the note stands above the square'),
    'redact_lines': ('unapplied_redact', 'tor spoke with down what was', one(letter(''), annots=[f'<</Type/Annot/Subtype/Redact/Rect[96 186 180 234]/QuadPoints[96 234 180 234 96 186 180 186]/F 4>>']),
                     one(letter(''), annots=['<</Type/Annot/Subtype/Redact/Rect[96 100 180 140]/QuadPoints[96 140 180 140 96 100 180 100]/F 4>>']), 'a mark on empty paper'),
    'revision_label': ('earlier_revision', NAME, revised(letter(), letter('') + RECT + text(178, 220, 'Out of scope', 9, '1 g')), revised(letter('Out of scope', size=9), letter('') + RECT), 'only the reason was in the earlier version'),
    'cover': ('earlier_revision', NAME, cover_taken(letter(), letter('') + RECT), cover_taken(letter('') + RECT, letter('') + RECT), 'only the cover was taken away'),
    'revision': ('earlier_revision', NAME, revised(letter(), letter('') + RECT), revised(letter('') + RECT, letter('') + RECT + text(40, 60, 'Approved')), 'a note was added later'),
}
BOXES = dict(white_in_outline=[[176, 70, 236, 84]], ocr_layer=[[185, 69, 250, 85]], ocr_below=[[185, 69, 250, 85]])  # what a model finds, where only that can tell

if __name__ == '__main__':
    OUT.mkdir(exist_ok=True)
    for name, (how, words, leak, twin, _) in CASES.items(): (OUT/f'{name}.leak.pdf').write_bytes(leak); (OUT/f'{name}.twin.pdf').write_bytes(twin)
    (OUT/'expected.json').write_text(json.dumps({n: dict(leak=c[0], text=c[1], twin=c[4], boxes=BOXES.get(n, [])) for n, c in CASES.items()}, indent=1) + '\n')
