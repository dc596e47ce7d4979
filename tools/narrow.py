"""narrow.py PACKAGE OUT VERSION: a package whose network computes in bytes, with its weights rounded to seven bits.

Model 0.8.1 was made so of 0.8.0. What `redaction export` writes now has seven bits from the start, rounded once and not twice, see `quantize` in 25_export.

    python tools/narrow.py redaction/models/default /tmp/narrow 0.8.1"""
import argparse, json, shutil
from pathlib import Path


def narrowed(model):
    "Round the weights of every convolution in bytes to -64 to 64, and express its bias in the new steps; `model` is changed"
    import numpy as np
    from onnx import numpy_helper
    numbers = {i.name: i for i in model.graph.initializer}; made = {o: n for n in model.graph.node for o in n.output}
    get = lambda name: numpy_helper.to_array(numbers[name])
    def put(name, a): numbers[name].CopyFrom(numpy_helper.from_array(a, name))
    for n in model.graph.node:
        parts = [made.get(i) for i in n.input]
        if n.op_type != 'Conv' or len(parts) != 3 or any(p is None or p.op_type != 'DequantizeLinear' for p in parts[1:]): continue
        page, weight, bias = parts; w, step = get(weight.input[0]).astype(np.float32), get(weight.input[1])
        wider = np.maximum(np.abs(w).max((1, 2, 3)) / 64, 1e-9); b = get(bias.input[0]) * get(bias.input[1])
        put(weight.input[0], np.round(w / wider[:, None, None, None]).astype(np.int8)); put(weight.input[1], (step * wider).astype(np.float32))
        steps = (get(page.input[1]) * step * wider).astype(np.float32)
        put(bias.input[0], np.round(b / steps).astype(np.int32)); put(bias.input[1], steps)
    return model


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('package', type=Path); ap.add_argument('out', type=Path, help='folder of the new package, which must not exist'); ap.add_argument('version', help='of the new package')
    a = ap.parse_args()
    if a.out.exists(): ap.error(f'{a.out}: is there already')
    import onnx
    from redaction.core import sha256
    from redaction.export import card
    from redaction.predict import load_package
    about = load_package(a.package).about
    if (bits := about.get('bits', 32)) != 8: ap.error(f'{a.package}: computes with {bits} bits; only what computes in bytes (bits 8) can be narrowed')
    how = '; '.join(filter(None, (about['metrics'].get('how'), f'measured as version {about["version"]}, before weights were rounded to seven bits')))
    graph, part = narrowed(onnx.load(a.package/'model.onnx')), a.out.with_name(f'.{a.out.name}.part')   # renamed when it is whole
    shutil.rmtree(part, ignore_errors=True); shutil.copytree(a.package, part); onnx.save(graph, part/'model.onnx')
    about |= dict(version=a.version, sha256=sha256(part/'model.onnx'), metrics=about['metrics'] | dict(how=how))
    (part/'model.json').write_text(json.dumps(about, indent=1, ensure_ascii=False) + '\n', encoding='utf-8'); (part/'README.md').write_text(card(about), encoding='utf-8')
    part.rename(a.out)


if __name__ == '__main__': main()
