"""Real documents for schemathesis, which can't make any: used by test_serve.py through SCHEMATHESIS_HOOKS."""
from pathlib import Path
import schemathesis
from hypothesis import strategies as st

FILES = Path(__file__).resolve().parent.parent/'nbs/files'
documents = st.sampled_from([(FILES/name).read_bytes() for name in ('page.png', 'page.webp', 'exif_rotated.jpg')])
for kind in ('application/pdf', 'image/png', 'image/jpeg', 'image/tiff', 'image/webp', 'application/octet-stream'): schemathesis.openapi.media_type(kind, documents)
schemathesis.openapi.format('binary', documents)
