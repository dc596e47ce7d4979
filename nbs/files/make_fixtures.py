"Write the fixtures of nbs/01_pages.ipynb into this folder: python make_fixtures.py (needs pillow, and qpdf for the encrypted ones)"
import io, struct, subprocess, zlib
from pathlib import Path
from PIL import Image, ImageDraw

OUT = Path(__file__).parent
LETTER = '/MediaBox[0 0 612 792]'

def save(name, data): (OUT/name).write_bytes(data)

def stream(attributes, data): return f'<<{attributes}/Length {len(data)}>>stream\n'.encode() + data + b'\nendstream'

def pdf(pages, extra=(), root='/Root 1 0 R', kids=None, form=''):
    "A PDF of `pages` (attributes, resources, content); `extra` objects are numbered from 4"
    objects = [f'<</Type/Catalog/Pages 2 0 R{form}>>'.encode(), b'', b'<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>', *extra]
    numbers = []
    for attributes, resources, content in pages:
        objects.append(stream('', content.encode()) if isinstance(content, str) else content)
        objects.append(f'<</Type/Page/Parent 2 0 R/Contents {len(objects)} 0 R/Resources<</Font<</F1 3 0 R>>{resources}>>{attributes}>>'.encode())
        numbers.append(len(objects))
    numbers = numbers if kids is None else [n if k else 0 for n, k in zip(numbers, kids)]
    objects[1] = f'<</Type/Pages/Kids[{" ".join(f"{n} 0 R" for n in numbers)}]/Count {len(numbers)}>>'.encode()
    out, offsets = io.BytesIO(b''), []
    out.write(b'%PDF-1.4\n%\xe2\xe3\xcf\xd3\n')
    for i, o in enumerate(objects, 1):
        offsets.append(out.tell()); out.write(b'%d 0 obj\n' % i + o + b'\nendobj\n')
    start = out.tell()
    out.write(b'xref\n0 %d\n0000000000 65535 f \n' % (len(objects) + 1) + b''.join(b'%010d 00000 n \n' % o for o in offsets))
    out.write(f'trailer\n<</Size {len(objects) + 1}{root}>>\nstartxref\n{start}\n%%EOF\n'.encode())
    return out.getvalue()

def corners(x=0, y=0, w=612, h=792):
    "A word in each corner of the window and a black bar between them"
    word = lambda dx, dy, s: f'BT /F1 14 Tf {x + dx} {y + dy} Td ({s}) Tj ET\n'
    return (word(40, h - 60, 'Topleft') + word(w - 120, h - 60, 'Topright') + word(40, 40, 'Bottomleft') + word(w - 120, 40, 'Bottomright')
            + f'0 g {x + 100} {y + h / 2} 200 14 re f\n')

good = pdf([(LETTER, '', corners())] * 2)
save('good.pdf', good)

# where things land
for turn in (90, 180, 270): save(f'rotated_{turn}.pdf', pdf([(f'{LETTER}/Rotate {turn}', '', corners())]))
field = '<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/V(x)/Rect[100 500 200 520]/F 4/AP<</N 4 0 R>>>>'.encode()
save('form_field.pdf', pdf([(f'{LETTER}/Annots[5 0 R]', '', '')], [stream('/Type/XObject/Subtype/Form/BBox[0 0 100 20]', b'0 g 0 0 100 20 re f'), field], form='/AcroForm<</Fields[5 0 R]>>'))
save('cropped.pdf', pdf([('/MediaBox[0 0 800 900]/CropBox[100 200 500 700]', '', corners(100, 200, 400, 500))]))
save('cropped_rotated_90.pdf', pdf([('/MediaBox[-50 -50 800 900]/CropBox[100 200 500 700]/Rotate 90', '', corners(100, 200, 400, 500))]))

# what is refused
save('empty.pdf', b'')
save('not_a_pdf.pdf', b'Dear reader,\nthis is plain text under a wrong name.\n')
save('no_pages.pdf', pdf([]))
save('truncated.pdf', good[:len(good) * 6 // 10])
save('broken_inside.pdf', pdf([], root=''))
save('damaged_second_page.pdf', pdf([(LETTER, '', corners())] * 3, kids=[1, 0, 1]))
save('huge_page.pdf', pdf([('/MediaBox[0 0 20000 20000]', '', corners())]))
save('ribbon_page.pdf', pdf([('/MediaBox[0 0 6000 20]', '', '')]))
save('encrypted_unknown_handler.pdf', pdf([(LETTER, '', corners())], root='/Root 1 0 R/ID[<00><00>]/Encrypt<</Filter/Unknown/V 9/R 9>>'))
for name, password in [('encrypted_password_secret.pdf', 'secret'), ('encrypted_empty_password.pdf', '')]:
    subprocess.run(['qpdf', '--encrypt', password, 'owner', '256', '--', str(OUT/'good.pdf'), str(OUT/name)], check=True)

# bombs: a picture of 100,000 x 100,000 pixels in a few bytes, on the page and in a form in a form
bomb = stream('/Type/XObject/Subtype/Image/Width 100000/Height 100000/BitsPerComponent 1/ColorSpace/DeviceGray/Filter/FlateDecode', zlib.compress(bytes(200000), 9))
def nested(number, content): return stream(f'/Type/XObject/Subtype/Form/BBox[0 0 612 792]/Resources<</XObject<</X {number} 0 R>>>>', content)
save('bomb_image.pdf', pdf([(LETTER, '/XObject<</X 4 0 R>>', 'q 612 0 0 792 0 0 cm /X Do Q')], [bomb]))
save('bomb_image_in_form.pdf', pdf([(LETTER, '/XObject<</X 6 0 R>>', '/X Do')], [bomb, nested(4, b'q 612 0 0 792 0 0 cm /X Do Q'), nested(5, b'/X Do')]))

# pages that take long: thousands of see-through sheets; in the second one each takes a good part of a second
def sheets(n): return stream('/Filter/FlateDecode', zlib.compress(('/G gs\n' + ''.join(f'{i % 7 / 7:.2f} 0 0 rg 0 0 612 792 re f\n' for i in range(n))).encode(), 9))
save('slow_page.pdf', pdf([(LETTER, '/ExtGState<</G<</ca .5>>>>', sheets(3000))]))
save('stuck_page.pdf', pdf([(LETTER, '/ExtGState<</G<</ca .5/BM/Luminosity>>>>', sheets(3000))]))

# pictures
def chunk(kind, data): return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
save('bomb.png', b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 90000, 90000, 8, 2, 0, 0, 0)) + chunk(b'IDAT', zlib.compress(bytes(1000))) + chunk(b'IEND', b''))
im = Image.new('RGB', (300, 200), 'white')
pen = ImageDraw.Draw(im)
pen.rectangle((20, 20, 99, 39), fill='black'); pen.text((20, 60), 'Stored lying down', fill='black')
turned = Image.Exif(); turned[0x0112] = 6
im.save(OUT/'exif_rotated.jpg', exif=turned, quality=85)
im.save(OUT/'page.webp', quality=80)
im.save(OUT/'page.png')
im.convert('1').save(OUT/'three_frames.tif', save_all=True, append_images=[im.convert('CMYK'), im.resize((150, 100)).convert('L')], compression='tiff_deflate')
save('truncated.jpg', (OUT/'exif_rotated.jpg').read_bytes()[:1800])
save('truncated.tif', (OUT/'three_frames.tif').read_bytes()[:900])
