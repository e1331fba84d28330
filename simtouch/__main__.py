"""`python -m simtouch` lists the verbs."""

import simtouch

VERBS = {
    "generate": "make a stream of touch: images and true labels",
    "benchmark": "time every sensor, stage by stage",
    "calibrate": "make a sensor file from presses of your own sensor, or from another project's",
    "fidelity": "compare a sensor with real presses: table, pictures, error maps",
    "preview": "draw the contact sheet of a stream",
    "view": "look at a stream in the browser, or touch a live sensor with the mouse",
    "export": "write a stream in another format: Sparsh, LeRobot, WebDataset, video",
    "pretrain": "learn an encoder from streams and recordings: MAE, DINO, DINOv2, I-JEPA, V-JEPA",
}


def main() -> None:
    """Print what simtouch can do."""
    print(f"simtouch {simtouch.__version__}: a simulated vision-based touch sensor\n")
    for verb, what in VERBS.items():
        print(f"  python -m simtouch.{verb:<10} {what}")
    print("\nEach of them explains itself with --help.")


if __name__ == "__main__":
    main()
