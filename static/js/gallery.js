// Pictures that cannot be drawn become cards, in a gallery as in a conversation.

import { replaceBrokenPictures } from "./pictures.js";

replaceBrokenPictures(document);
