"""Writes the files of this folder, each with one compression, by the compressors of HDF5's own plug-ins:
python make_filters.py FOLDER (with h5py and hdf5plugin).

The values are numbers that the test computes, too."""
import pathlib, sys
import h5py, hdf5plugin, numpy as np

NY, NX = 16, 33
folder = pathlib.Path(sys.argv[1])
y, x = np.mgrid[:NY, :NX]
smooth = (x * x + 3 * y * y) % 1000 - 500
noise = ((y * NX + x) * 2654435761 % 2**32) >> 7
flat = np.where(y < 12, 7, x)
fields = {
    "i1": (smooth % 120).astype("i1"), "i2": (smooth * 30).astype("i2"), "i4": (noise % 2**24).astype("i4"),
    "f4": (smooth / 8).astype("f4"), "f8": noise / 8.0, "flat": flat.astype("f4"),
}

def save(name, chunks=(7, 33), **options):
    # Without dimension scales, which would be most of the file: the library makes dimensions up.
    with h5py.File(folder / f"{name}.nc", "w", libver=("v110", "v110")) as file:
        for key, values in fields.items():
            file.create_dataset(key, data=values, chunks=chunks, **options)

save("zstd", **hdf5plugin.Zstd())
save("bzip2", **hdf5plugin.BZip2())
save("lzf", compression="lzf")
save("lz4", **hdf5plugin.LZ4(nbytes=256))
save("szip_nn_8", compression="szip", compression_opts=("nn", 8))
save("szip_ec_32", compression="szip", compression_opts=("ec", 32))
save("szip_nn_16_lines", chunks=(16, 10), compression="szip", compression_opts=("nn", 16))
save("szip_nn_4_shuffle", shuffle=True, compression="szip", compression_opts=("nn", 4))
save("bitshuffle", **hdf5plugin.Bitshuffle(cname="none"))
save("bitshuffle_lz4", chunks=(16, 33), **hdf5plugin.Bitshuffle(nelems=64, cname="lz4"))
save("bitshuffle_zstd", chunks=(16, 33), **hdf5plugin.Bitshuffle(cname="zstd"))
for cname in ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"):
    for shuffle in (0, 1, 2):
        if shuffle == 1 or cname in ("lz4", "blosclz"):
            save(f"blosc_{cname}_{shuffle}", chunks=(16, 33), **hdf5plugin.Blosc(cname=cname, clevel=9, shuffle=shuffle))
save("deflate_shuffle_fletcher", compression="gzip", shuffle=True, fletcher32=True)
