"""What a clip in a Parquet file may unpack to: a footer in, an error out if it declares more than its frames can need.

A page of zeros packs a thousand to one, so a file of a few kB could ask for gigabytes. Per frame, generously: an image of 16 bytes
a pixel, 64 bytes of maps a gel cell and 64 kB of numbers and markers; and once an image for the clip's background.
"""

import pyarrow.parquet as pq

from simtouch._checks import SimtouchError

_PER_PIXEL, _PER_CELL, _PER_FRAME = 16, 64, 1 << 16


def refuse_large_groups(metadata: pq.FileMetaData, image_shape: tuple[int, int], gel_shape: tuple[int, int]) -> None:
    """Raise `SimtouchError` if a row group declares more bytes than its frames can need.

    Args:
        metadata: Footer of a shard.
        image_shape: Rows and columns of the images, as the shard declares them.
        gel_shape: Of the gel grid.
    """
    image = image_shape[0] * image_shape[1] * _PER_PIXEL
    frame = image + gel_shape[0] * gel_shape[1] * _PER_CELL + _PER_FRAME
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        declared = sum(group.column(k).total_uncompressed_size for k in range(group.num_columns))
        most = group.num_rows * frame + image
        if declared > most:
            raise SimtouchError(
                f"row group {i} declares {declared >> 20} MB for {group.num_rows} frames of {image_shape[0]} x {image_shape[1]} "
                f"pixels, which need at most {max(most >> 20, 1)} MB."
            )
